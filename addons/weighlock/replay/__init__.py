"""The record, opened again."""
