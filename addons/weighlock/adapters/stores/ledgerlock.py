"""One process writes a ledger: a lock file keeps all others out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from weighlock.errors import ConfigError


class Locked(ConfigError):
    """Another process writes this ledger."""


def take(path: Path) -> int:
    """An open file that holds the lock; the system lets go of it when the process ends, however it ends."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", str(path)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise Locked("another gateway is writing this ledger", str(path.parent)) from None
    return lock
