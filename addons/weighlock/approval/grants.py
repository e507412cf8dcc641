"""Grants: for prompts that are never twice the same, and are asked for so often that nobody can look at each."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from weighlock.approval.asked import Asked
from weighlock.approval.binding import names
from weighlock.approval.lifecycle import Event, enough, move
from weighlock.errors import Forbidden, Malformed
from weighlock.holds import Approval, ApprovalState, Kind, Limits, Quorum, Terms, Threshold

REQUESTS, BYTES, SECONDS = 1000, 100 << 20, 3600.0
"""The most that a grant may be for."""
PEOPLE = 2
"""Whom it takes at least, also where a single request takes one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A workload's requests that these statements hold: to one destination, of one model, within *limits*."""

    workload: str
    statements: tuple[str, ...]
    destination: str
    model: str
    limits: Limits


def pending(
    wanted: Wanted, terms: Terms, owner: str, emails: Collection[str], asker: str, reason: str, id: str, now: float
) -> Approval:
    """The grant that is to be decided, by *terms* of its statements. Malformed where it is for too much.

    *asker* is for people to read: whoever asks may approve as well.
    """
    limits = wanted.limits
    if not (0 < limits.requests <= REQUESTS and 0 < limits.bytes <= BYTES and 0 < limits.seconds <= SECONDS):
        most = f"{REQUESTS} requests, {BYTES >> 20} MB and {SECONDS / 60:.0f} minutes"
        raise Malformed("grant-limits", f"A grant is for something, and for {most} at most.")
    if not re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._:/-]{0,99})?", wanted.model):
        raise Malformed("grant-model", "A grant is for one model, by its name.")
    return Approval(
        id=id,
        kind=Kind.GRANT,
        state=ApprovalState.PENDING,
        key=f"grant {id}",
        binding="",
        exchange="",
        workload=wanted.workload,
        owner=owner,
        subject=asker,
        persons=frozenset({owner}),
        names=frozenset(name.casefold() for name in (owner, *emails)),
        destination=wanted.destination,
        host="",
        dialect="",
        operation="",
        model=wanted.model,
        because=tuple(sorted(wanted.statements)),
        reason=reason,
        terms=replace(terms, quorums=tuple(_several(quorum) for quorum in terms.quorums), break_glass=frozenset()),
        requested_at=now,
        decide_by=now + terms.within,
        limits=limits,
    )


def used(grant: Approval, asked: Asked, size: int, now: float) -> Approval:
    """*grant* after *asked*, whose body has *size* bytes, went out by it. Forbidden where it is not for that.

    Whoever approved the grant must be enough by the terms of now, and nobody who is behind the request.
    """
    limits = grant.limits
    if limits is None or grant.use_by is None or now >= grant.use_by or not _is_for(grant, asked):
        raise Forbidden("grant-other", "This grant is not for that.")
    requests, sent = limits.used_requests + 1, limits.used_bytes + size
    if requests > limits.requests or sent > limits.bytes:
        raise Forbidden("grant-used", "This grant is used up.")
    over = requests == limits.requests or sent == limits.bytes
    moved = move(grant, Event.CONSUME if over else Event.USE)
    return replace(moved, limits=replace(limits, used_requests=requests, used_bytes=sent))


def _is_for(grant: Approval, asked: Asked) -> bool:
    own = {f"person:{id}" for id in asked.principal.persons} | {f"email:{name}" for name in names(asked.principal)}
    return (
        (grant.workload, grant.destination, grant.model)
        == (asked.principal.workload, asked.destination.name, asked.model)
        and set(asked.because) <= set(grant.because)
        and enough(asked.terms.quorums, grant.decisions)
        and not any(one.known & own for one in grant.decisions if one.approve)
    )


def _several(quorum: Quorum) -> Quorum:
    first, *others = quorum
    missing = max(0, PEOPLE - sum(threshold.need for threshold in quorum))
    return (Threshold(first.groups, first.need + missing), *others)
