"""What becomes of approvals, as it happens, for the pages that are open: server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighlock.errors import Unavailable
from weighlock.holds import Approval

TOTAL, SHARE = 100, 6
"""Streams at once: in all, and of one session."""


@dataclass(slots=True, eq=False)
class Stream:
    session: str = field(repr=False)
    moved: dict[str, Approval] = field(default_factory=dict)
    """What moved since the last look, by its id: each once, however often it moved."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def next(self, seconds: float) -> list[Approval]:
        """What moved; nothing after *seconds*, or when it ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.woken.wait()
        self.woken.clear()
        moved, self.moved = list(self.moved.values()), {}
        return moved

    def end(self) -> None:
        self.ended = True
        self.woken.set()


class Feed:
    def __init__(self) -> None:
        self._streams: set[Stream] = set()

    def publish(self, approval: Approval) -> None:
        for stream in self._streams:
            stream.moved[approval.id] = approval
            stream.woken.set()

    @contextlib.contextmanager
    def stream(self, session: str) -> Iterator[Stream]:
        """Raises Unavailable where there are too many."""
        own = sum(stream.session == session for stream in self._streams)
        if len(self._streams) >= TOTAL or own >= SHARE:
            raise Unavailable("streams-full", "Too many pages are open already.")
        stream = Stream(session)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    def end(self, session: str = "") -> None:
        """Of one session, or all."""
        for stream in self._streams:
            if session in ("", stream.session):
                stream.end()
