from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import a_finding
from weighlock.model import Action, Direction, Level, OperatorSpec
from weighlock.policy.condition import read
from weighlock.policy.counting import DAY, Over, Scope
from weighlock.policy.lint import Caller, World, contradictions, remarks
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)
EMAIL = FindingMatch(entities=frozenset({"EMAIL_ADDRESS"}))
PII = FindingMatch(tags=frozenset({"pii"}))
WORLD = World(
    [
        Caller("https://i", "nightly", "dana", {"repository_id": "1"}, frozenset({"openai"}), frozenset({"small"})),
        Caller("https://j", "chat", "kim", {}, frozenset(), frozenset()),
    ],
    [("openai", "openai", "chat.completions"), ("local", "ollama", "chat")],
    [a_finding("EMAIL_ADDRESS", level=Level.LOW, score=0.5), a_finding("KEY", tags=frozenset({"secret"}))],
)


def said(*statements: Statement) -> dict[str, str]:
    policy = Policy((ALLOW, *statements), Action.BLOCK, None, {}, "d")
    return {remark.statement.id: remark.text for remark in remarks(policy, WORLD)}


def names(**given: str) -> dict[str, frozenset[str]]:
    return {kind: frozenset(value.split()) for kind, value in given.items()}


@pytest.mark.parametrize(
    ("principals", "calls", "findings", "why"),
    [
        (names(), names(), None, ""),
        (names(issuers="https://i", workloads="nightly", owners="dana"), names(), None, ""),
        (names(issuers="https://j", workloads="nightly"), names(), None, "no workload is so"),
        (names(owners="kim", workloads="nightly"), names(), None, "no workload is so"),
        ({"claims": names(repository_id="1 2")}, names(), None, ""),
        ({"claims": names(repository_id="2")} | names(workloads="nightly"), names(), None, "no workload is so"),
        ({"claims": names(event="push")}, names(), None, ""),
        (names(), names(destinations="openai", dialects="openai"), None, ""),
        (names(), names(destinations="openai", dialects="ollama"), None, "no destination takes such calls"),
        (names(), names(dialects="ollama", operations="chat.completions"), None, "no destination takes such calls"),
        (names(workloads="nightly"), names(destinations="local"), None, "no workload that it names may call there"),
        (names(workloads="nightly"), names(models="large"), None, "no workload that it names may call there"),
        (names(), names(models="large"), None, ""),
        (names(), names(), EMAIL, ""),
        (names(), names(), FindingMatch(entities=EMAIL.entities, level=Level.HIGH), "so bad and so sure"),
        (names(), names(), FindingMatch(tags=PII.tags, score=0.9), "so bad and so sure"),
        (names(), names(), FindingMatch(labels=frozenset({"payments"}), level=Level.CRITICAL), ""),
    ],
)
def test_a_statement_that_can_never_match_is_told(
    principals: Any, calls: Any, findings: FindingMatch | None, why: str
) -> None:
    statement = Statement("s", Action.HOLD, BOTH, PrincipalMatch(**principals), CallMatch(**calls), findings)

    text = said(statement).get("s", "")
    assert text.endswith(why)
    assert bool(text) is bool(why)
    assert said(replace(statement, mode=Mode.OFF)) == {}


MUCH, MORE = (Over(Scope.WORKLOAD, DAY, {"requests": limit}) for limit in (10, 20))
GROUP = PrincipalMatch(groups=frozenset({"ci"}))


@pytest.mark.parametrize(
    ("narrow", "wide", "covered"),
    [
        (
            Statement("s", Action.HOLD, BOTH, GROUP, findings=EMAIL),
            Statement("w", Action.BLOCK, BOTH, findings=EMAIL),
            True,
        ),
        (Statement("s", Action.HOLD, BOTH, GROUP), Statement("w", Action.BLOCK, BOTH, findings=EMAIL), False),
        (Statement("s", Action.HOLD, BOTH), Statement("w", Action.BLOCK, BOTH, GROUP), False),
        (Statement("s", Action.HOLD, BOTH), Statement("w", Action.BLOCK, frozenset({Direction.REQUEST})), False),
        (Statement("s", Action.HOLD, BOTH), Statement("w", Action.BLOCK, BOTH, when=read("call.size > 1")), False),
        (Statement("s", Action.HOLD, BOTH), Statement("w", Action.BLOCK, BOTH, mode=Mode.SHADOW), False),
        (Statement("s", Action.HOLD, BOTH), Statement("w", Action.BLOCK, BOTH, over=MUCH), False),
        (Statement("s", Action.HOLD, BOTH, over=MUCH), Statement("w", Action.BLOCK, BOTH), True),
        (Statement("s", Action.HOLD, BOTH, over=MORE), Statement("w", Action.BLOCK, BOTH, over=MUCH), True),
        (Statement("s", Action.HOLD, BOTH, over=MUCH), Statement("w", Action.BLOCK, BOTH, over=MORE), False),
        (
            Statement("s", Action.HOLD, BOTH, calls=CallMatch(min_size=9, max_size=10, stream=True)),
            Statement("w", Action.BLOCK, BOTH, calls=CallMatch(min_size=8, max_size=10, stream=True)),
            True,
        ),
        (
            Statement("s", Action.HOLD, BOTH, calls=CallMatch(min_size=9)),
            Statement("w", Action.BLOCK, BOTH, calls=CallMatch(min_size=8, max_size=10)),
            False,
        ),
        (
            Statement("s", Action.HOLD, BOTH, findings=FindingMatch(tags=PII.tags, count=3)),
            Statement("w", Action.BLOCK, BOTH, findings=PII),
            True,
        ),
        (
            Statement("s", Action.HOLD, BOTH, findings=PII),
            Statement("w", Action.BLOCK, BOTH, findings=FindingMatch(tags=PII.tags, count=3)),
            False,
        ),
        (Statement("s", Action.MASK, BOTH, findings=EMAIL), Statement("w", Action.HOLD, BOTH, findings=EMAIL), False),
        (Statement("s", Action.ALLOW, BOTH, findings=EMAIL), Statement("w", Action.HOLD, BOTH, findings=EMAIL), True),
        (Statement("s", Action.ALLOW, BOTH, findings=EMAIL), Statement("w", Action.HOLD, BOTH), False),
        (Statement("s", Action.ALLOW, BOTH), Statement("w", Action.HOLD, BOTH), False),
    ],
)
def test_a_statement_that_a_stricter_one_covers_is_told(narrow: Statement, wide: Statement, covered: bool) -> None:
    assert ("'w' is stricter" in said(narrow, wide).get("s", "")) is covered


def test_a_hold_of_replies_alone_is_told_to_be_a_block() -> None:
    assert "blocks" in said(Statement("s", Action.HOLD, frozenset({Direction.RESPONSE}), findings=EMAIL))["s"]


def a_mask(id: str, operator: str, **given: Any) -> Statement:
    return Statement(id, Action.MASK, BOTH, **{"findings": EMAIL} | given, operator=OperatorSpec(operator))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (a_mask("b", "hash"), True),
        (a_mask("b", "hash", findings=PII), True),
        (a_mask("b", "redact"), False),
        (a_mask("b", "hash", mode=Mode.SHADOW), False),
        (a_mask("b", "hash", principals=GROUP), False),
        (a_mask("b", "hash", calls=CallMatch(stream=True)), False),
        (a_mask("b", "hash", over=MUCH), False),
        (a_mask("b", "hash", findings=FindingMatch(entities=EMAIL.entities, score=0.9)), False),
        (a_mask("b", "hash", findings=FindingMatch(tags=frozenset({"secret"}))), False),
    ],
)
def test_two_operators_for_one_entity_in_the_same_case_contradict(other: Statement, found: bool) -> None:
    policy = Policy((ALLOW, a_mask("a", "redact"), other), Action.BLOCK, None, {}, "d")

    assert [remark.statement.id for remark in contradictions(policy, WORLD)] == (["a"] if found else [])
