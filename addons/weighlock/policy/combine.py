"""Of several statements that matched: the operators that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighlock.model import Action, Finding, OperatorSpec
from weighlock.policy.statements import Policy, Statement


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that matched, what it does, and the findings that it is about."""

    statement: Statement
    effect: Action
    found: Sequence[Finding] = ()


def operators(policy: Policy, matched: Sequence[Match]) -> dict[str, OperatorSpec]:
    """By entity. A call that is let through by approval is masked all the same."""
    asked: dict[str, list[OperatorSpec]] = {}
    for match in matched:
        if match.statement.operator is not None:
            for entity in {finding.entity for finding in match.found}:
                asked.setdefault(entity, []).append(match.statement.operator)
    return {entity: _strictest(policy, specs) for entity, specs in asked.items()}


def _strictest(policy: Policy, specs: Sequence[OperatorSpec]) -> OperatorSpec:
    """Of one operator with two sets of parameters neither is the stricter: then the strictest operator of all runs."""
    name = min((spec.name for spec in specs), key=policy.strictness.__getitem__)
    first, *others = [spec for spec in specs if spec.name == name]
    if all(other == first for other in others):
        return first
    return OperatorSpec(min(policy.strictness, key=policy.strictness.__getitem__))
