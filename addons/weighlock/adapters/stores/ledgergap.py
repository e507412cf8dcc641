"""What could not be recorded: counted, so that the record says so as soon as it can."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from weighlock.adapters.stores.ledgerwriter import Prepared
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind


@dataclass(frozen=True, slots=True)
class Missed:
    """Times in Unix seconds, of the first and of the last of *entries* that could not be written."""

    since: float
    until: float
    entries: int

    def prepared(self) -> Prepared:
        return Prepared(Kind.CONTROL, entry.gap_body(self.since, self.until, self.entries), {})


class Gap:
    """For any thread. *clock* gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._missed: Missed | None = None

    def add(self) -> None:
        """One entry more."""
        now = self._clock()
        with self._lock:
            known = self._missed or Missed(now, now, 0)
            self._missed = Missed(known.since, now, known.entries + 1)

    def current(self) -> Missed | None:
        return self._missed

    def told(self, said: Missed) -> None:
        """*said* stands in the ledger; what was missed since does not."""
        with self._lock:
            now = self._missed or said
            rest = now.entries - said.entries
            self._missed = Missed(said.until, now.until, rest) if rest else None
