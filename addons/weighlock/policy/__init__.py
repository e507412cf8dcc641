"""What is allowed: statements, and the verdict over them."""
