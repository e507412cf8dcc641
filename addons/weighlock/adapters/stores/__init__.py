"""What is kept on disk, in SQLite."""
