"""Where held requests wait, and decisions reach them. What is decided is kept, and outlives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from weighlock.adapters import grants
from weighlock.adapters.register import Register
from weighlock.adapters.stores.approvals import ApprovalStore
from weighlock.adapters.waiting import Bounds, Room, Waiting
from weighlock.approval import asked as requests
from weighlock.approval import lifecycle, words
from weighlock.approval.asked import Asked
from weighlock.approval.lifecycle import Approver, Event
from weighlock.errors import Forbidden, Refused
from weighlock.holds import OPEN, Approval, ApprovalState, Kind, Shown, Way
from weighlock.model import Principal

log = logging.getLogger("weighlock")

_EVERY = 1.0
"""Seconds between two looks for what is over."""


class Desk:
    """*clock* is Unix time; *on_event* hears of every move, with the exchange that made it or that asked first."""

    def __init__(
        self,
        store: ApprovalStore,
        clock: Callable[[], float],
        bounds: Bounds,
        on_event: Callable[[Approval, str], None],
    ) -> None:
        self._clock, self._bounds, self._on_event = clock, bounds, on_event
        self.told: Callable[[Approval], Collection[str]] = lambda _: ()
        """By which channels people hear of an approval."""
        self._register = Register(store, self._moved)
        self._room = Room(bounds, clock)
        self._asked: dict[str, Principal] = {}
        """Who asked for what is open, by its id; of this process."""
        self._tasks: set[asyncio.Task[None]] = set()

    # -- requests ---------------------------------------------------------------------------------------------------

    async def hold(self, asked: Asked, seconds: float) -> Approval:
        """The approved approval of this very request, not consumed yet; or Refused, which says what became of it.

        It waits *seconds* for a decision, where its terms do not say otherwise. The identical request later finds what
        was decided in the meantime.
        """
        key = asked.key
        await self._expired(key)
        with self._room.enter(asked.exchange, key, asked.principal.workload) as waiting:
            approval = await self._found(key) or await self._opened(asked)
            if approval.state in OPEN:
                self._asked[approval.id] = asked.principal
            if approval.state is ApprovalState.PENDING and approval.terms.way is Way.WAIT:
                approval = await self._decided(approval, waiting, seconds)
            if waiting.decided.done():
                waiting.decided.result()  # raises where it is to wait no more
        if approval.state is ApprovalState.APPROVED:
            return approval
        raise self._refusal(approval)

    async def granted(self, asked: Asked, size: int) -> Approval | None:
        """The grant by which *asked*, of *size* bytes, goes out, and which has counted it; None where there is none."""
        return await grants.take(self._register, asked, size, self._clock())

    async def consume(self, id: str, binding: str, exchange: str) -> Approval:
        """Take the approval for exactly what it is bound to; only one exchange ever can."""
        now = self._clock()

        def used(held: Approval) -> Approval:
            if held.kind is Kind.GRANT or held.binding != binding:
                raise Forbidden("binding-broken", "What would be sent is not what was approved.")
            if held.state is not ApprovalState.APPROVED:
                raise self._refusal(held)
            return lifecycle.move(held, Event.EXPIRE if now >= lifecycle.ends_at(held) else Event.CONSUME)

        moved = await self._register.moved(id, used, exchange)
        if moved.state is not ApprovalState.CONSUMED:
            raise self._refusal(moved)
        return moved

    def leave(self, exchange: str, refused: Refused) -> None:
        """*exchange* waits no more: it is refused with *refused*. What it asked for may still be decided."""
        self._room.leave(exchange, refused)

    def cancel(self, exchange: str, refused: Refused) -> None:
        """Like `leave`, for good: what nobody else waits for is cancelled."""
        key = self._room.leave(exchange, refused)
        if key and not self._room.awaited(key):
            self._start(self._cancelled(key, OPEN))

    async def _found(self, key: str) -> Approval | None:
        """What there is for this request already."""
        approval = await self._register.stored(lambda store: store.latest(key))
        return approval if approval and (approval.state in OPEN or self._room.to_be_told(approval)) else None

    async def _expired(self, key: str) -> None:
        """What is out of time under *key* is so in the store, too, before anybody waits for it."""
        approval = await self._register.stored(lambda store: store.open_one(key))
        if approval and self._clock() >= lifecycle.ends_at(approval):
            await self._tried(approval.id, Event.EXPIRE)

    async def _opened(self, asked: Asked) -> Approval:
        approval = requests.pending(asked, secrets.token_hex(6), self._clock())
        return await self._register.opened(
            approval, asked.prompt, lambda store: self._room.check(*store.pending(approval.workload))
        )

    async def _decided(self, approval: Approval, waiting: Waiting, seconds: float) -> Approval:
        try:
            async with asyncio.timeout(max(0.0, min(seconds, approval.decide_by - self._clock()))):
                return await asyncio.shield(waiting.decided)
        except TimeoutError:
            now = await self._register.get(approval.id)
            if now.state in OPEN and self._clock() >= lifecycle.ends_at(now):
                return await self._register.moved(now.id, lambda held: lifecycle.move(held, Event.EXPIRE))
            return now

    # -- people -----------------------------------------------------------------------------------------------------

    async def decide(
        self, id: str, approver: Approver, approve: bool, reason: str, *, break_glass: bool = False
    ) -> Approval:
        """Decide; raises Refused for anybody who may not, and for what is settled."""
        now, age = self._clock(), self._bounds.max_age
        return await self._register.moved(
            id,
            lambda held: lifecycle.decide(held, approver, approve, reason, now, max_age=age, break_glass=break_glass),
        )

    async def grant(self, asker: Approver, wanted: Approval) -> Approval:
        """Open a grant. Whoever asks for it has approved it, where they may."""
        grant = await self._register.opened(wanted, (), lambda store: self._room.check(*store.pending(wanted.workload)))
        try:
            return await self.decide(grant.id, asker, True, grant.reason)
        except Refused:
            return grant

    async def revoke(self, id: str, approver: Approver, reason: str) -> Approval:
        """Take back what was approved and not used."""
        now = self._clock()
        return await self._register.moved(id, lambda held: lifecycle.revoke(held, approver, reason, now))

    async def review(self, id: str, approver: Approver, reason: str) -> Approval:
        """Say afterwards what is to be said about a broken glass."""
        now, age = self._clock(), self._bounds.max_age
        return await self._register.moved(id, lambda held: lifecycle.review(held, approver, reason, now, max_age=age))

    async def get(self, id: str) -> Approval:
        """Raises Forbidden where there is none."""
        return await self._register.get(id)

    async def prompt(self, id: str) -> tuple[Shown, ...]:
        """What an open one asks to send, masked; empty for any other."""
        return await self._register.stored(lambda store: store.prompt(id))

    async def before(self, workload: str) -> tuple[Shown, ...]:
        """What was released last of what was held of *workload*, masked."""
        return await self._register.stored(lambda store: store.last_prompt(workload))

    async def list(self) -> Sequence[Approval]:
        """Oldest first."""
        return await self._register.stored(lambda store: store.everything())

    async def waiting(self) -> Sequence[Approval]:
        """What people still have to do with, oldest first. However much is settled, it takes no longer."""
        return await self._register.stored(lambda store: store.waiting())

    async def settled(self, most: int) -> Sequence[Approval]:
        """All others, newest first."""
        return await self._register.stored(lambda store: store.settled(most))

    # -- what is over -----------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Expire what is out of time, and cancel what nobody will come back for."""
        now = self._clock()
        for approval in await self._register.stored(lambda store: store.over(now)):
            await self._tried(approval.id, Event.EXPIRE)
        for key in self._room.gone(self._bounds.grace):
            await self._cancelled(key, {ApprovalState.PENDING})

    async def recheck(self, may_call: Callable[[Principal], bool]) -> None:
        """Cancel what was asked for by those who may not call any more."""
        for id in [id for id, principal in self._asked.items() if not may_call(principal)]:
            await self._cancelled((await self._register.get(id)).key, OPEN)

    async def watch(self) -> None:
        while True:
            try:
                await self.sweep()
            except Refused as refused:
                log.warning("approvals cannot be looked through: %s", refused.code)
            await asyncio.sleep(_EVERY)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self._register.close()

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _moved(self, approval: Approval, exchange: str) -> None:
        if approval.state not in OPEN:
            self._asked.pop(approval.id, None)
        self._room.tell(approval)
        self._on_event(approval, exchange)

    def _refusal(self, approval: Approval) -> Refused:
        return words.refusal(approval, self._clock(), self._bounds.retry, self.told(approval))

    async def _cancelled(self, key: str, states: Collection[ApprovalState]) -> None:
        approval = await self._register.stored(lambda store: store.latest(key))
        if approval:
            await self._tried(approval.id, Event.CANCEL, states)

    async def _tried(self, id: str, event: Event, states: Collection[ApprovalState] = OPEN) -> None:
        """Nothing where it is in none of *states* any more: somebody was faster."""

        def change(held: Approval) -> Approval:
            if held.state not in states:
                raise Forbidden("approval-settled", "It was decided in the meantime.")
            return lifecycle.move(held, event)

        with contextlib.suppress(Forbidden):
            await self._register.moved(id, change)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
