"""Bytes to text and back, without I/O."""
