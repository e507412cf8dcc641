"""What to look for, and what was found."""
