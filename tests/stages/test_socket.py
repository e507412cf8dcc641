from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from builders import Uncounted, a_call, a_destination, a_finding, a_principal
from weighlock.dialects import openai
from weighlock.errors import Forbidden
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Exchange, Finding, OperatorSpec
from weighlock.policy.statements import FindingMatch, Policy, Statement
from weighlock.stages.socket import Socket


def a_socket(found: list[Finding], count: int) -> Socket:
    async def inspect(texts: Any, rules: Any) -> tuple[Finding, ...]:
        return (found.pop(0),)

    allow = Statement("allow", Action.ALLOW, frozenset(Direction))
    mask = Statement(
        "mask",
        Action.MASK,
        frozenset({Direction.REQUEST}),
        findings=FindingMatch(count=count),
        operator=OperatorSpec("redact"),
    )
    strictness = {name: rank for rank, name in enumerate(OPERATORS)}
    policy = Policy((allow, mask), Action.ALLOW, frozenset(), strictness, "d")
    parts: Any = SimpleNamespace(
        pool=SimpleNamespace(inspect=inspect),
        operators=lambda principal: None,
        settings=SimpleNamespace(body_limit=1000),
        counters=Uncounted(),
    )
    rules = SimpleNamespace(policy=policy, detect=None)
    exchange = Exchange("e", 0.0, "peer", rules, a_destination(), a_principal(), a_call("x"))
    passage: Any = SimpleNamespace(exchange=exchange)
    return Socket(parts, passage, openai.DIALECT.named("realtime"))


async def test_what_would_be_masked_by_count_over_several_messages_is_blocked() -> None:
    socket = a_socket([a_finding(), a_finding()], count=2)

    assert (await socket._weigh((), 0))[1].action is Action.ALLOW
    with pytest.raises(Forbidden) as caught:
        await socket._weigh((), 0)
    assert "over several messages" in caught.value.reason


async def test_what_is_masked_by_itself_passes() -> None:
    socket = a_socket([a_finding(), a_finding()], count=1)

    for _ in range(2):
        assert (await socket._weigh((), 0))[1].action is Action.MASK
