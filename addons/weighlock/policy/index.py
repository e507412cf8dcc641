"""Which statements can speak of a call at all: those few, of many, that name nothing else than what it has.

One bit for each statement: for each thing that statements name, the set of those that name nothing there, and for each
name the set of those that name it. What a set of names leaves may still not match; what it leaves out cannot, so that a
verdict is the same with and without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from weighlock.model import Call, Direction, Finding, Principal

if TYPE_CHECKING:
    from weighlock.policy.statements import Statement

_WHO, _WHAT = ("issuer", "workload", "owner"), ("destination", "dialect", "operation", "model")


class Index:
    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = statements
        self._free: dict[str, int] = {}
        self._named: dict[tuple[str, str], int] = {}
        for number, statement in enumerate(statements):
            for kind, names in _names(statement).items():
                if not names:
                    self._free[kind] = self._free.get(kind, 0) | 1 << number
                for name in names:
                    self._named[kind, name] = self._named.get((kind, name), 0) | 1 << number

    def candidates(
        self, principal: Principal, call: Call, findings: Sequence[Finding], direction: Direction
    ) -> list[Statement]:
        """In their order."""
        left = -1
        for kind, names in _told(principal, call, findings, direction).items():
            one = self._free.get(kind, 0)
            for name in names:
                one |= self._named.get((kind, name), 0)
            left &= one
        chosen = []
        while left:
            lowest = left & -left
            chosen.append(self._statements[lowest.bit_length() - 1])
            left ^= lowest
        return chosen


def _names(statement: Statement) -> Mapping[str, Collection[str]]:
    """By kind, what a call must have one of; nothing where it may have any."""
    who, what, found = statement.principals, statement.calls, statement.findings
    return {
        "direction": statement.directions,
        **{kind: getattr(who, f"{kind}s") for kind in _WHO},
        "group": who.groups,
        **{kind: getattr(what, f"{kind}s") for kind in _WHAT},
        "found": found.entities | found.tags if found else (),
    }


def _told(
    principal: Principal, call: Call, findings: Sequence[Finding], direction: Direction
) -> Mapping[str, Collection[str]]:
    found = {finding.entity for finding in findings}.union(*(finding.tags for finding in findings))
    return {
        "direction": (direction,),
        **{kind: (getattr(principal, kind),) for kind in _WHO},
        "group": principal.groups,
        **{kind: (getattr(call, kind),) for kind in _WHAT},
        "found": found,
    }
