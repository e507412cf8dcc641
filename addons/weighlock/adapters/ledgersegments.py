"""Closes the ledger's segments, each when it has lasted long enough, and begins the next."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from weighlock.adapters.journal import policy_draft
from weighlock.adapters.rulebook import NONE, Rules
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.errors import ConfigError, Unavailable
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

log = logging.getLogger("weighlock")

INTERVAL = 60.0
"""Seconds between two looks at most."""


class Segments:
    """*lasts* is seconds, *clock* gives Unix seconds, *rules* those in force."""

    def __init__(
        self, ledger: Ledger, state: Path, lasts: float, clock: Callable[[], float], rules: Callable[[], Rules]
    ) -> None:
        self._ledger, self._path, self._lasts, self._clock, self._rules = ledger, state / NAME, lasts, clock, rules

    async def watch(self) -> None:
        """For ever. What fails is tried again."""
        while True:
            left = INTERVAL
            try:
                left = await self.look()
            except (sqlite3.Error, ConfigError, Unavailable) as error:
                log.warning("the ledger's segment is not closed yet: %s", type(error).__name__)
            await asyncio.sleep(max(0.1, min(left, INTERVAL)))

    async def look(self) -> float:
        """Close the segment where it is time to; seconds until it will be."""
        left = await asyncio.to_thread(self._left)
        if left > 0:
            return left
        await self._ledger.append(Draft(Kind.CONTROL, {}, opens=True))
        if (rules := self._rules()) is not NONE:  # what verdicts name is told again: the entry that told it may go
            await self._ledger.append(policy_draft(rules))
        return self._lasts

    def _left(self) -> float:
        with Reader(self._path) as reader:
            first = max(reader.segments())
            if first >= reader.size:
                return self._lasts
            began = datetime.fromisoformat(entry.parse(reader.entry(first)).time).timestamp()
        return began + self._lasts - self._clock()
