"""The cut-offs in force, kept at hand: re-read off the event loop, and closed when they can no longer be read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from weighlock.adapters.stores.control import Control
from weighlock.errors import Unavailable
from weighlock.identity.cutoffs import Cutoff, Cutoffs

log = logging.getLogger("weighlock")

INTERVAL = 0.1
"""Seconds between two looks."""
STALE = 2.0
"""Seconds after which cut-offs that could not be re-read are worth nothing."""


class CutoffWatch:
    """*clock* is monotonic, in seconds."""

    def __init__(self, control: Control, clock: Callable[[], float]) -> None:
        self._control, self._clock = control, clock
        self._rows = control.current()
        self._cutoffs = Cutoffs(self._rows)
        self._read_at = clock()

    def current(self) -> Cutoffs:
        """Those in force; raises Unavailable where that is not known."""
        if self._clock() - self._read_at > STALE:
            raise Unavailable("cutoffs-unreadable", "Whether anybody was cut off cannot be read right now.")
        return self._cutoffs

    async def changes(self, changed: Callable[[], None]) -> None:
        """Watch for ever; call *changed* after each change."""
        while True:
            try:
                rows, cutoffs = await asyncio.to_thread(self._read)
            except Exception as error:  # whatever it is: when it lasts, `current` refuses everything
                log.warning("cut-offs cannot be read: %s", type(error).__name__)
            else:
                self._read_at = self._clock()
                if cutoffs is not None:
                    self._rows, self._cutoffs = rows, cutoffs
                    changed()
            await asyncio.sleep(INTERVAL)

    def _read(self) -> tuple[tuple[Cutoff, ...], Cutoffs | None]:
        """The rows, and the cut-offs where they are others than before."""
        rows = self._control.current()
        return rows, None if rows == self._rows else Cutoffs(rows)
