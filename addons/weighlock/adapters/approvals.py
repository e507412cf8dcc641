"""Where held requests wait, and decisions reach them. In memory: a restart drops all holds, and the jobs run again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weighlock.approval import lifecycle
from weighlock.approval.lifecycle import Approver, Event
from weighlock.errors import Forbidden, Refused, Unavailable
from weighlock.model import Approval, ApprovalState, Principal, Text, Verdict

KEPT = 1000
"""Settled approvals that stay listed."""


@dataclass(slots=True)
class Hold:
    """A pending approval, and the exchanges that wait for it."""

    approval: Approval
    exchange: str
    """The one that asked first."""
    preview: tuple[Text, ...] = field(repr=False)
    """The prompt with every finding masked; dropped with the decision."""
    waiting: dict[str, asyncio.Future[Approval]] = field(default_factory=dict)


class Desk:
    """*clock* is Unix time; *limit* bounds what waits; *on_event* hears of every move, with the first exchange."""

    def __init__(self, clock: Callable[[], float], limit: int, on_event: Callable[[Approval, str], None]) -> None:
        self._clock, self._limit, self._on_event = clock, limit, on_event
        self._holds: dict[str, Hold] = {}

    async def hold(
        self,
        exchange: str,
        principal: Principal,
        verdict: Verdict,
        binding: str,
        preview: Sequence[Text],
        seconds: float,
    ) -> Approval:
        """Wait for a decision: the approved approval, or Forbidden that says what became of it.

        The same request of the same requester, asked of the same approvers, joins the approval that is pending.
        """
        if sum(len(hold.waiting) for hold in self._holds.values()) >= self._limit:
            raise Unavailable("holds-full", "Too many requests are held already.")
        hold = self._joined(binding, principal, verdict) or self._opened(
            exchange, principal, verdict, binding, preview, seconds
        )
        future: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        hold.waiting[exchange] = future
        try:
            async with asyncio.timeout(max(0.0, hold.approval.expires_at - self._clock())):
                await future
        except TimeoutError:
            if hold.approval.state is ApprovalState.PENDING:
                self._settle(hold, lifecycle.move(hold.approval, Event.EXPIRE))
        finally:
            hold.waiting.pop(exchange, None)
            if not hold.waiting and hold.approval.state is ApprovalState.PENDING:
                self._settle(hold, lifecycle.move(hold.approval, Event.CANCEL))
        if hold.approval.state is not ApprovalState.APPROVED:
            raise _refusal(hold.approval, verdict)
        return hold.approval

    def consume(self, id: str, binding: str) -> Approval:
        """Take the approval for exactly what it is bound to; only one exchange ever can."""
        hold = self._hold(id)
        if hold.approval.binding != binding:
            raise Forbidden("binding-broken", "What would be sent is not what was approved.")
        if hold.approval.state is ApprovalState.APPROVED and self._clock() >= hold.approval.expires_at:
            self._settle(hold, lifecycle.move(hold.approval, Event.EXPIRE))
            raise Forbidden("approval-expired", "The approval has expired.")
        self._settle(hold, lifecycle.move(hold.approval, Event.CONSUME))
        return hold.approval

    def decide(self, id: str, approver: Approver, approve: bool, reason: str) -> Approval:
        """Decide; raises Forbidden for anybody who may not, and for what is settled."""
        hold = self._hold(id)
        self._settle(hold, lifecycle.decide(hold.approval, approver, approve, reason, self._clock()))
        return hold.approval

    def cancel(self, exchange: str, refused: Refused) -> None:
        """*exchange* waits no more: it is refused with *refused*. What nobody waits for any more is cancelled."""
        for hold in self._holds.values():
            future = hold.waiting.get(exchange)
            if future is None or future.done():
                continue
            future.set_exception(refused)
            if all(f.done() for f in hold.waiting.values()) and hold.approval.state is ApprovalState.PENDING:
                self._settle(hold, lifecycle.move(hold.approval, Event.CANCEL))

    def get(self, id: str) -> Approval:
        return self._hold(id).approval

    def preview(self, id: str) -> tuple[Text, ...]:
        return self._hold(id).preview

    def list(self) -> list[Approval]:
        """Oldest first."""
        return [hold.approval for hold in self._holds.values()]

    def _hold(self, id: str) -> Hold:
        hold = self._holds.get(id)
        if hold is None:
            raise Forbidden("approval-unknown", "There is no such approval; it may be of before a restart.")
        return hold

    def _joined(self, binding: str, principal: Principal, verdict: Verdict) -> Hold | None:
        def same(approval: Approval) -> bool:
            return (
                approval.state is ApprovalState.PENDING
                and self._clock() < approval.expires_at
                and approval.binding == binding
                and (approval.persons, approval.subject) == (principal.persons, principal.subject)
                and approval.approvers == verdict.approvers
            )

        return next((hold for hold in self._holds.values() if same(hold.approval)), None)

    def _opened(
        self,
        exchange: str,
        principal: Principal,
        verdict: Verdict,
        binding: str,
        preview: Sequence[Text],
        seconds: float,
    ) -> Hold:
        now = self._clock()
        approval = Approval(
            id=secrets.token_hex(6),
            state=ApprovalState.PENDING,
            binding=binding,
            workload=principal.workload,
            owner=principal.owner,
            subject=principal.subject,
            persons=principal.persons,
            approvers=verdict.approvers,
            because=verdict.because,
            requested_at=now,
            expires_at=now + seconds,
        )
        while len(self._holds) >= KEPT + self._limit:
            settled = (id for id, hold in self._holds.items() if not hold.waiting)
            del self._holds[next(settled)]
        self._holds[approval.id] = hold = Hold(approval, exchange, tuple(preview))
        self._on_event(approval, exchange)
        return hold

    def _settle(self, hold: Hold, approval: Approval) -> None:
        hold.approval = approval
        hold.preview = ()
        for future in hold.waiting.values():
            if not future.done():
                future.set_result(approval)
        self._on_event(approval, hold.exchange)


def _refusal(approval: Approval, verdict: Verdict) -> Forbidden:
    if approval.state is ApprovalState.DENIED:
        return Forbidden(
            "approval-denied", f"Approval {approval.id} was denied: {approval.reason}", because=verdict.because
        )
    if approval.state is ApprovalState.EXPIRED:
        return Forbidden(
            "approval-expired",
            f"Nobody decided on approval {approval.id} in time.",
            next_step=f"Ask a member of {' or '.join(sorted(approval.approvers)) or 'nobody'}, and run the job again.",
            because=verdict.because,
        )
    return Forbidden(
        "approval-used",
        f"Approval {approval.id} is {approval.state}: it released another request.",
        next_step="Run the job again.",
        because=verdict.because,
    )
