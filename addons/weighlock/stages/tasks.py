"""Work that goes on beside the hooks, and whether a hook is to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Keeps what it started from being collected, and can wait for it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for all of it, *seconds* at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


def being_cancelled() -> bool:
    """Whether the task that asks is cancelled. Else a CancelledError in it is of something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
