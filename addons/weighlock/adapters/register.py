"""The approvals that are kept, off the event loop; every move of one is told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from weighlock.adapters.stores.approvals import ApprovalStore
from weighlock.errors import Forbidden, Unavailable
from weighlock.holds import Approval, Shown


class Register:
    """*on_move* hears of every new state, with the exchange that made it or that asked first. All of it raises
    Unavailable where the store fails.
    """

    def __init__(self, store: ApprovalStore, on_move: Callable[[Approval, str], None]) -> None:
        self._store, self._on_move = store, on_move
        self._thread = ThreadPoolExecutor(1, "weighlock-approvals")

    async def get(self, id: str) -> Approval:
        """Raises Forbidden where there is none."""
        return _known(await self.stored(lambda store: store.get(id)))

    async def opened(
        self, approval: Approval, prompt: Sequence[Shown], check: Callable[[ApprovalStore], None]
    ) -> Approval:
        """*approval*, kept, where *check* does not raise; or the one of its key that was open already."""

        def add(store: ApprovalStore) -> Approval | None:
            if (there := store.open_one(approval.key)) is None:
                check(store)
            return there or (approval if store.add(approval, prompt) else store.open_one(approval.key))

        kept = await self.stored(add)
        if kept is None:  # it was settled between the two
            return await self.opened(approval, prompt, check)
        if kept is approval:
            self._on_move(approval, approval.exchange)
        return kept

    async def moved(self, id: str, change: Callable[[Approval], Approval], exchange: str = "") -> Approval:
        """The approval *id* after *change*, which raises where it may not be made: also of what somebody else made of
        it. *change* runs in the store's thread, once or more.
        """

        def swap(store: ApprovalStore) -> Approval | None:
            while (before := store.get(id)) is not None:
                if (after := store.swap(before, change(before))) is not None:
                    return after
            return None

        # All of it in one turn of the thread: each turn costs a wait for a busy event loop on the way back.
        moved = _known(await self.stored(swap))
        self._on_move(moved, exchange or moved.exchange)
        return moved

    async def stored[T](self, work: Callable[[ApprovalStore], T]) -> T:
        """*work* in a thread of its own, in its turn: also where whoever asks gives up waiting."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)
        except sqlite3.Error:
            raise Unavailable("approvals-unusable", "Approvals cannot be kept right now.") from None

    def close(self) -> None:
        """Waits for what is under way."""
        self._thread.shutdown()
        self._store.close()


def _known(approval: Approval | None) -> Approval:
    if approval is None:
        raise Forbidden("approval-unknown", "There is no such approval.")
    return approval
