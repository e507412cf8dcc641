"""Hypothesis without deadlines: what a busy machine is slow at is no failure."""

from hypothesis import settings

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
