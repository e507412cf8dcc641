"""The life of a hold, and what exactly it is bound to."""
