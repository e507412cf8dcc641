"""The material in force: looked at again and again, and worth nothing while it cannot be read."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighlock.adapters.stores import material
from weighlock.errors import ConfigError

log = logging.getLogger("weighlock")

INTERVAL = 0.25
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Material:
    """Indexes by their path, with the MAC of what is in each. *digest* is over all of them."""

    files: Mapping[str, str]
    digest: str


NONE = Material({}, "")


class MaterialWatch:
    """Raises ConfigError where an index in *state* cannot be used at start. *key* is the installation's."""

    def __init__(self, state: Path, key: bytes) -> None:
        self._state, self._key = state, key
        self._stats: dict[str, tuple[int, ...]] = {}
        self._material = NONE
        self._wrong = ""
        self.look()

    def current(self) -> Material:
        """Raises Unavailable while an index is damaged: what it holds would pass."""
        if self._wrong:
            raise material.unreadable()
        return self._material

    def look(self) -> None:
        """Read again what changed; raises ConfigError for what cannot be used."""
        stats = self._stat()
        if stats == self._stats and not self._wrong:
            return
        known = self._material.files
        files = {
            path: known[path]
            if path in known and stat == self._stats.get(path)
            else material.read(Path(path), self._key)[2]
            for path, stat in stats.items()
        }
        self._material = Material(files, hashlib.sha256("".join(files.values()).encode()).hexdigest() if files else "")
        self._stats, self._wrong = stats, ""

    def _stat(self) -> dict[str, tuple[int, ...]]:
        stats: dict[str, tuple[int, ...]] = {}
        for path in material.files(self._state):
            with contextlib.suppress(FileNotFoundError):  # removed a moment ago
                stat = path.lstat()
                stats[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_mode)
        return stats

    def check(self) -> None:
        """Look once. While something is wrong, `current` refuses, and the log says once what it is."""
        try:
            self.look()
        except Exception as error:  # whatever it is: nobody knows what may pass
            wrong = str(error) if isinstance(error, ConfigError) else type(error).__name__
            if wrong != self._wrong:
                log.error("material cannot be used: %s", wrong)
            self._wrong = wrong

    async def watch(self) -> None:
        """For ever, in a thread."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(self.check)
