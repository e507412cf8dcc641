"""The life of an approval: one table of state × event. Time comes in as an argument."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from weighlock.errors import Forbidden, Unidentified
from weighlock.holds import Approval, ApprovalState, Decision, Quorum

GLASS = 600.0
"""Seconds for which a broken glass is open, at most."""


class Event(StrEnum):
    SIGN = "sign"
    """One approves, and others have to as well."""
    APPROVE = "approve"
    """One approves, and that is enough."""
    DENY = "deny"
    EXPIRE = "expire"
    CANCEL = "cancel"
    """Who asked is gone for good, or was cut off."""
    REVOKE = "revoke"
    USE = "use"
    """Something goes out by a grant that is not used up by it."""
    CONSUME = "consume"


_S = ApprovalState
TABLE: Mapping[tuple[ApprovalState, Event], ApprovalState] = {
    (_S.PENDING, Event.SIGN): _S.PENDING,
    (_S.PENDING, Event.APPROVE): _S.APPROVED,
    (_S.PENDING, Event.DENY): _S.DENIED,
    (_S.PENDING, Event.EXPIRE): _S.EXPIRED,
    (_S.PENDING, Event.CANCEL): _S.CANCELLED,
    (_S.APPROVED, Event.USE): _S.APPROVED,
    (_S.APPROVED, Event.CONSUME): _S.CONSUMED,
    (_S.APPROVED, Event.EXPIRE): _S.EXPIRED,
    (_S.APPROVED, Event.CANCEL): _S.CANCELLED,
    (_S.APPROVED, Event.REVOKE): _S.REVOKED,
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
    names: frozenset[str] = frozenset()
    """What else the token calls them."""
    authenticated_at: float = field(default=0.0, kw_only=True)
    """When they last proved who they are."""

    @property
    def name(self) -> str:
        return self.email or self.subject

    @property
    def known(self) -> frozenset[str]:
        """By what this person is told from others. Two who share any of it are one."""
        account = f"account:{self.issuer} {self.subject}"
        email = {f"email:{self.email.casefold()}"} if self.email else set()
        return frozenset({account, *email, *(f"person:{id}" for id in self.persons)})


def move(approval: Approval, event: Event) -> Approval:
    """The approval after *event*; Forbidden where its state knows no such move."""
    state = TABLE.get((approval.state, event))
    if state is None:
        raise Forbidden("approval-settled", f"The approval is {approval.state}; it cannot {event} any more.")
    return replace(approval, state=state)


def ends_at(approval: Approval) -> float:
    """From when on an open one is worth nothing."""
    return approval.decide_by if approval.use_by is None else approval.use_by


def decide(
    approval: Approval,
    approver: Approver,
    approve: bool,
    reason: str,
    now: float,
    *,
    max_age: float,
    break_glass: bool = False,
) -> Approval:
    """The approval as *approver* decides it. Raises Refused for anybody who may not, and for one that is settled.

    *max_age*: for how many seconds an approver is believed to be who they have proved to be. *break_glass*: one of the
    emergency's group lifts the hold alone.
    """
    move(approval, Event.APPROVE if approve else Event.DENY)
    if now >= approval.decide_by:
        raise Forbidden("approval-expired", "The approval has expired.")
    if break_glass:
        _check_emergency(approval, approver, approve)
    else:
        check_group(approval, approver)
    check_fresh(approver, now, max_age)
    if approve and is_requester(approval, approver):
        raise Forbidden("approver-is-requester", "Nobody approves what they or their own workload ask for.")
    if any(before.known & approver.known for before in approval.decisions):
        raise Forbidden("approver-again", "You have decided on this already; somebody else has to as well.")
    check_reason(reason, needed=not approve or break_glass or approval.terms.needs_reason)
    decision = Decision(
        approver.name, approve, reason.strip(), now, approver.groups, approver.known, break_glass=break_glass
    )
    decided = replace(approval, decisions=(*approval.decisions, decision))
    if not approve:
        return move(decided, Event.DENY)
    if not break_glass and not enough(approval.terms.quorums, decided.decisions):
        return move(decided, Event.SIGN)
    seconds = approval.limits.seconds if approval.limits else approval.terms.use_within
    return replace(move(decided, Event.APPROVE), use_by=now + (min(seconds, GLASS) if break_glass else seconds))


def revoke(approval: Approval, approver: Approver, reason: str, now: float) -> Approval:
    """Take an approval back that was not used yet: any approver may, and who asked for it."""
    mine = is_requester(approval, approver)
    if not mine and not approver.groups & approval.terms.break_glass:
        check_group(approval, approver)
    check_reason(reason, needed=True)
    decision = Decision(approver.name, False, reason.strip(), now, approver.groups, approver.known)
    return move(replace(approval, decisions=(*approval.decisions, decision)), Event.REVOKE)


def review(approval: Approval, approver: Approver, reason: str, now: float, *, max_age: float) -> Approval:
    """What a member of the approving groups says afterwards about a broken glass. It changes no state."""
    if not approval.unreviewed:
        raise Forbidden("review-none", "There is nothing to review: no glass was broken, or it was reviewed already.")
    check_group(approval, approver)
    check_fresh(approver, now, max_age)
    if is_requester(approval, approver) or any(before.known & approver.known for before in approval.decisions):
        raise Forbidden("approver-is-requester", "Nobody reviews what they asked for or decided themselves.")
    check_reason(reason, needed=True)
    return replace(approval, review=Decision(approver.name, True, reason.strip(), now, approver.groups, approver.known))


def enough(quorums: Collection[Quorum], decisions: Sequence[Decision]) -> bool:
    """Whether those who approved meet every quorum. No quorum at all is met by nobody."""
    groups = [decision.groups for decision in decisions if decision.approve]
    return bool(quorums) and all(quorum and _met(quorum, groups) for quorum in quorums)


def _met(quorum: Quorum, people: Sequence[frozenset[str]]) -> bool:
    """Whether everybody it asks for can be a different one of *people*: a perfect matching, by augmenting paths."""
    seats = [threshold.groups for threshold in quorum for _ in range(threshold.need)]
    taken: dict[int, int] = {}

    def seated(seat: int, tried: set[int]) -> bool:
        for person, groups in enumerate(people):
            if person not in tried and groups & seats[seat]:
                tried.add(person)
                if person not in taken or seated(taken[person], tried):
                    taken[person] = seat
                    return True
        return False

    return all(seated(seat, set()) for seat in range(len(seats)))


def check_group(approval: Approval, approver: Approver) -> None:
    """Raises Forbidden for who is in none of its approving groups: they may not decide it, nor read its prompt."""
    if not approver.groups & approval.terms.groups:
        raise Forbidden(
            "approver-group",
            "Only a member of an approving group may see and decide this.",
            next_step=f"Groups: {', '.join(sorted(approval.terms.groups)) or 'none'}.",
        )


def may_see(approval: Approval, approver: Approver) -> bool:
    return bool(approver.groups & (approval.terms.groups | approval.terms.break_glass))


def check_fresh(approver: Approver, now: float, max_age: float) -> None:
    if now - approver.authenticated_at > max_age:
        raise Unidentified(
            "approver-stale", "You proved who you are too long ago to decide anything.", next_step="Log in again."
        )


def check_reason(reason: str, *, needed: bool) -> None:
    if needed and not reason.strip():
        raise Forbidden("reason-missing", "This needs a reason.", next_step="Give one with --reason.")


def _check_emergency(approval: Approval, approver: Approver, approve: bool) -> None:
    if not approve or not approver.groups & approval.terms.break_glass:
        raise Forbidden(
            "break-glass-group",
            "Only a member of a group that its statement names may break this glass.",
            next_step=f"Groups: {', '.join(sorted(approval.terms.break_glass)) or 'none'}.",
        )


def is_requester(approval: Approval, approver: Approver) -> bool:
    """Whether *approver* is one of those behind the request, by whatever account."""
    own = {name.casefold() for name in (approver.subject, approver.email, *approver.names)} - {""}
    return bool(own & approval.names or approver.persons & approval.persons)
