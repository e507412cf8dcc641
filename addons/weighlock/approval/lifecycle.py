"""The life of an approval: one table of state × event. Time comes in as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from weighlock.errors import Forbidden
from weighlock.model import Approval, ApprovalState


class Event(StrEnum):
    APPROVE = "approve"
    DENY = "deny"
    EXPIRE = "expire"
    CANCEL = "cancel"
    CONSUME = "consume"


TABLE: Mapping[tuple[ApprovalState, Event], ApprovalState] = {
    (ApprovalState.PENDING, Event.APPROVE): ApprovalState.APPROVED,
    (ApprovalState.PENDING, Event.DENY): ApprovalState.DENIED,
    (ApprovalState.PENDING, Event.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.PENDING, Event.CANCEL): ApprovalState.CANCELLED,
    (ApprovalState.APPROVED, Event.CONSUME): ApprovalState.CONSUMED,
    (ApprovalState.APPROVED, Event.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.APPROVED, Event.CANCEL): ApprovalState.CANCELLED,
}
"""Every move there is. A pair that is not here raises."""


@dataclass(frozen=True, slots=True)
class Approver:
    """A person with a verified token for approvals."""

    issuer: str
    subject: str
    email: str
    groups: frozenset[str]
    persons: frozenset[str] = frozenset()
    """Ids of the people whose account or e-mail this is; empty for who is not in the people file."""

    @property
    def name(self) -> str:
        return self.email or self.subject


def move(approval: Approval, event: Event) -> Approval:
    """The approval after *event*; Forbidden where its state knows no such move."""
    state = TABLE.get((approval.state, event))
    if state is None:
        raise Forbidden("approval-settled", f"The approval is {approval.state}; it cannot {event} any more.")
    return replace(approval, state=state)


def decide(approval: Approval, approver: Approver, approve: bool, reason: str, now: float) -> Approval:
    """The approval as *approver* decides it. Raises Forbidden for anybody who may not, and for one that is settled."""
    if now >= approval.expires_at:
        raise Forbidden("approval-expired", "The approval has expired.")
    check_group(approval, approver)
    if approve and _is_requester(approval, approver):
        raise Forbidden("approver-is-requester", "Nobody approves what they or their own workload ask for.")
    if not approve and not reason.strip():
        raise Forbidden("reason-missing", "A denial needs a reason.", next_step="Give one with --reason.")
    moved = move(approval, Event.APPROVE if approve else Event.DENY)
    return replace(moved, decided_by=approver.name, decided_at=now, reason=reason.strip())


def check_group(approval: Approval, approver: Approver) -> None:
    """Raises Forbidden for who is in none of its approving groups: they may not decide it, nor read its prompt."""
    if not approver.groups & approval.approvers:
        raise Forbidden(
            "approver-group",
            "Only a member of an approving group may see and decide this.",
            next_step=f"Groups: {', '.join(sorted(approval.approvers)) or 'none'}.",
        )


def _is_requester(approval: Approval, approver: Approver) -> bool:
    names = {approval.owner.casefold(), approval.subject.casefold()}
    own = {approver.subject.casefold(), approver.email.casefold()} - {""}
    return bool(names & own or approval.persons & approver.persons)
