"""Findings rewritten, in documents and in streams."""
