"""Whose payloads are meant by an erasure or a legal hold, and what the ledger says of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.sessions import graver, outcome, session_of


@dataclass(slots=True)
class Kept:
    """An exchange whose payloads are kept, as its entries tell it."""

    first: int
    """Of its entries."""
    seqs: list[int] = field(default_factory=list)
    """Of its entries with payloads."""
    last: str = ""
    session: str = ""
    workload: str = ""
    outcome: str = ""
    persons: set[str] = field(default_factory=set)
    statements: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is given must all hold; nothing given means every exchange."""

    person: str = ""
    """A person's id, or a token's subject."""
    workload: str = ""
    session: str = ""

    @property
    def said(self) -> dict[str, str]:
        given = {"person": self.person, "workload": self.workload, "session": self.session}
        return {name: value for name, value in given.items() if value}

    def covers(self, kept: Kept) -> bool:
        return (
            (not self.person or self.person in kept.persons)
            and (not self.workload or self.workload == kept.workload)
            and (not self.session or self.session == kept.session)
        )


def kept(entries: Iterable[Entry], keyed: frozenset[int]) -> Iterator[Kept]:
    """The exchanges of *entries* that have payloads; *keyed* are the entries whose payloads have keys still."""
    found: dict[str, Kept] = {}
    for said in entries:
        exchange = said.body.get("exchange")
        if not exchange:
            continue
        one = found.setdefault(str(exchange), Kept(said.seq))
        who, verdict = said.body.get("who", {}), said.body.get("verdict", {})
        one.last = said.time
        one.outcome = graver(one.outcome, outcome(said))
        one.persons.update(who.get("persons", ()), filter(None, (who.get("subject"),)))
        one.statements.update(verdict.get("because", ()))
        one.workload = one.workload or str(who.get("workload", ""))
        if said.kind in (Kind.REQUEST, Kind.REFUSAL):
            one.session = session_of(said.body)
        if said.seq in keyed:
            one.seqs.append(said.seq)
    yield from (one for one in found.values() if one.seqs)


def chosen(exchanges: Iterable[Kept], target: Target, holds: Sequence[Target]) -> tuple[list[int], int]:
    """The entries whose payloads *target* means, in order, and how many more are under one of the legal *holds*."""
    free: list[int] = []
    held = 0
    for one in exchanges:
        if target.covers(one):
            if any(hold.covers(one) for hold in holds):
                held += len(one.seqs)
            else:
                free += one.seqs
    return sorted(free), held


def erasure_body(target: Mapping[str, Any], reason: str, by: str, seqs: Sequence[int]) -> dict[str, Any]:
    """Of the entry that stands for the payloads of the entries *seqs* from now on."""
    said = {"event": "erased", "message": f"payloads of {len(seqs)} entries", "reason": reason, "by": by}
    return said | {"target": dict(target), "erased": ranges(seqs)}


def hold_body(event: str, target: Mapping[str, Any], reason: str, by: str, hold: int) -> dict[str, Any]:
    return {"event": event, "message": f"legal hold {hold}", "reason": reason, "by": by, "target": dict(target)}


def ranges(seqs: Sequence[int]) -> list[list[int]]:
    """*seqs*, which rise, as [first, last] of each unbroken run."""
    if not seqs:
        return []
    starts = [seqs[0]] + [after for before, after in pairwise(seqs) if after != before + 1]
    ends = [before for before, after in pairwise(seqs) if after != before + 1] + [seqs[-1]]
    return [list(run) for run in zip(starts, ends, strict=True)]


def erased(body: Mapping[str, Any], before: int) -> Iterator[int]:
    """The entries that an erasure names; ValueError where they are not all entries *before* it."""
    try:
        runs = [(int(first), int(last)) for first, last in body["erased"]]
    except (KeyError, TypeError, ValueError):
        raise ValueError("not an erasure") from None
    if any(not 0 <= first <= last < before for first, last in runs):
        raise ValueError("not of earlier entries")
    for first, last in runs:
        yield from range(first, last + 1)
