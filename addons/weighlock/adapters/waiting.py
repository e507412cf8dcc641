"""Who waits in a connection for a decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weighlock.errors import Refused, Unavailable
from weighlock.holds import OPEN, Approval, ApprovalState


@dataclass(frozen=True, slots=True)
class Bounds:
    """*total* and *share*: most requests that wait for a decision, in all and of one workload. *max_age* as in
    `lifecycle.decide`. *retry*: after how many seconds a client of a soft hold asks again; *grace*: after how many one
    that left is gone for good.
    """

    total: int = 500
    share: int = 50
    max_age: float = 900.0
    retry: float = 30.0
    grace: float = 60.0


@dataclass(frozen=True, slots=True)
class Waiting:
    key: str
    workload: str
    decided: asyncio.Future[Approval]
    """The approval as soon as it is not pending any more, or the Refused that ends the waiting."""


class Room:
    """*clock* is in seconds."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._bounds, self._clock = bounds, clock
        self._waiting: dict[str, Waiting] = {}
        """By exchange."""
        self._left: dict[str, float] = {}
        """When the last client left that waited, by key."""
        self._untold: set[str] = set()
        """Ids of those that people ended while nobody waited: the next client that asks hears of it."""

    @contextmanager
    def enter(self, exchange: str, key: str, workload: str) -> Iterator[Waiting]:
        """Raises Unavailable where there is no room. Who leaves by an exception is to come back soon."""
        of_workload = sum(waiting.workload == workload for waiting in self._waiting.values())
        self.check(of_workload, len(self._waiting))
        self._waiting[exchange] = waiting = Waiting(key, workload, asyncio.get_running_loop().create_future())
        self._left.pop(key, None)
        try:
            yield waiting
        except BaseException:
            del self._waiting[exchange]
            if not self.awaited(key):
                self._left[key] = self._clock()
            raise
        del self._waiting[exchange]

    def check(self, of_workload: int, total: int) -> None:
        """Whether one more of the workload has room beside these."""
        if of_workload >= self._bounds.share or total >= self._bounds.total:
            raise Unavailable("holds-full", "Too many requests are held already.")

    def leave(self, exchange: str, refused: Refused) -> str:
        """*exchange* waits no more. The key of what it waited for; empty where it did not wait."""
        waiting = self._waiting.get(exchange)
        if waiting is None or waiting.decided.done():
            return ""
        waiting.decided.set_exception(refused)
        return waiting.key

    def tell(self, approval: Approval) -> None:
        """All that wait for *approval* hear what became of it."""
        if approval.state in (ApprovalState.DENIED, ApprovalState.REVOKED) and not self.awaited(approval.key):
            self._untold.add(approval.id)
        if approval.state is not ApprovalState.PENDING:
            for waiting in self._waiting.values():
                if waiting.key == approval.key and not waiting.decided.done():
                    waiting.decided.set_result(approval)
        if approval.state not in OPEN:
            self._left.pop(approval.key, None)

    def to_be_told(self, approval: Approval) -> bool:
        """Whether nobody heard yet how *approval* ended. Once."""
        untold = approval.id in self._untold
        self._untold.discard(approval.id)
        return untold

    def awaited(self, key: str) -> bool:
        return any(waiting.key == key and not waiting.decided.done() for waiting in self._waiting.values())

    def gone(self, seconds: float) -> list[str]:
        """Keys of what nobody came back for in *seconds*. Each is told once."""
        now = self._clock()
        gone = [key for key, left in self._left.items() if now - left >= seconds]
        for key in gone:
            del self._left[key]
        return gone
