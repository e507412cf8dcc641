"""A recorded verdict in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weighlock.ledger.entry import Entry, Kind
from weighlock.model import Direction
from weighlock.policy.decide import NO_ALLOW, UNCOVERED, is_judged
from weighlock.policy.explain import why_not
from weighlock.policy.record import recorded
from weighlock.policy.statements import Policy

_OWN = {
    NO_ALLOW: "no statement allows this call",
    UNCOVERED: "something was found that no statement speaks of",
}


def explained(said: Entry, request: Mapping[str, Any], policy: Policy) -> Iterator[str]:
    """Of the entry *said*; *request* is the body of the one that began the exchange."""
    verdict = said.body["verdict"]
    direction = Direction.RESPONSE if said.kind is Kind.RESPONSE else Direction.REQUEST
    because, matched, shadow = set(verdict["because"]), set(verdict["matched"]), set(verdict.get("shadow", ()))
    yield f"{said.kind} (entry {said.seq}, {said.time}): {verdict['action']}, by rules {verdict['policy'][:12]}"
    principal, call, found = recorded(said.body, request)
    findings = tuple(one for one in found if is_judged(policy, one, direction))
    counts = verdict.get("counts", {})
    for name in sorted(because & _OWN.keys()):
        yield f"  decided   {name}: {_OWN[name]}"
    lines = []
    for one in policy.statements:
        effect = one.effect.name.lower() + (f"; {one.over.said(counts)}" if one.over else "")
        if one.id in because:
            lines.append((0, f"  decided   {one.id}: {effect}" + (f"; {one.reason}" if one.reason else "")))
        elif one.id in matched:
            lines.append((1, f"  matched   {one.id}: {effect}, and another is stricter"))
        elif one.id in shadow:
            lines.append((2, f"  watched   {one.id}: {effect}, were it in force; then all: {verdict['would']}"))
        else:
            lines.append((3, f"  no match  {one.id}: {why_not(one, principal, call, findings, direction, counts)}"))
    yield from (line for _, line in sorted(lines))
