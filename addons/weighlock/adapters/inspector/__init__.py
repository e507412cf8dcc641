"""Inspection in worker processes, so that no text can stall or crash the gateway."""
