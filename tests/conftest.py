"""Hypothesis without deadlines: what a busy machine is slow at is no failure. Gateways and commands start warm."""

import gc

from hypothesis import settings

import warm
from demo.gateway import Gateway

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

Gateway.launch = staticmethod(warm.launch)  # type: ignore[assignment]
Gateway.run = staticmethod(warm.run)


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay: no collection is to look through them again."""
    gc.collect()
    gc.freeze()
