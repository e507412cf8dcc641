"""The approvers' API."""
