"""What is under way between those who append to the ledger and the one that writes it, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

from weighlock.adapters.stores.ledgerwriter import BATCH, Prepared
from weighlock.errors import Unavailable

CLOSED = "ledger-closed"
ENTRIES = 1024
"""Most entries under way; over it, refused."""
BYTES = 256 << 20
"""Most bytes of payloads under way; over it, refused. A single entry is let through whatever its size."""


@dataclass(frozen=True, slots=True)
class Waiting:
    prepared: Prepared
    size: int
    ticket: asyncio.Future[int]


class Backlog:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._entries = self._bytes = 0
        self._closed = False

    def admit(self, size: int) -> None:
        """Make room for one entry of *size* bytes; Unavailable where there is none."""
        with self._changed:
            if self._closed:
                raise Unavailable(CLOSED, "The ledger is closed.")
            if self._entries >= ENTRIES or (self._entries and self._bytes + size > BYTES):
                raise Unavailable("ledger-overloaded", "The ledger cannot keep up.", next_step="Try again in a moment.")
            self._entries += 1
            self._bytes += size

    def release(self, *sizes: int) -> None:
        """Those of these sizes that were admitted are over: acknowledged or refused."""
        with self._changed:
            self._entries -= len(sizes)
            self._bytes -= sum(sizes)
            self._changed.notify_all()

    def put(self, waiting: Waiting) -> None:
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify_all()

    def take(self, timeout: float | None) -> list[Waiting] | None:
        """All that waits, up to a batch with room for an entry about a gap; none after *timeout* seconds; None when
        closed and nothing is under way.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or (self._closed and not self._entries), timeout)
            if not self._waiting and self._closed and not self._entries:
                return None
            return [self._waiting.popleft() for _ in range(min(BATCH - 1, len(self._waiting)))]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
