from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from builders import Uncounted, a_call, a_destination, a_finding, a_principal
from weighlock.errors import Forbidden
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Exchange, Outbound
from weighlock.policy.decide import decide
from weighlock.policy.statements import Policy, Statement
from weighlock.stages.approve import Approve

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)


def a_hold(id: str = "hold", group: str = "security") -> Statement:
    return Statement(id, Action.HOLD, BOTH, approvers=frozenset({group}))


def a_policy(*statements: Statement) -> Policy:
    ranks = {name: rank for rank, name in enumerate(OPERATORS)}
    return Policy((ALLOW, *statements), Action.ALLOW, frozenset(), ranks, "d")


class Approved:
    """A desk at which everything is approved at once."""

    async def hold(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(id="a1")

    def consume(self, id: str, binding: str) -> Any:
        return SimpleNamespace(id=id, binding=binding)


async def released(before: Policy, after: Policy) -> Any:
    principal, call, findings = a_principal(), a_call("hello"), (a_finding(),)
    exchange = Exchange(id="e1", started_at=0.0, peer="", rules=None, destination=a_destination(), principal=principal)
    exchange.call, exchange.findings = call, findings
    exchange.verdict = decide(before, principal, call, findings, Direction.REQUEST)
    exchange.outbound = Outbound("POST", "/", (), b"")
    rulebook = SimpleNamespace(current=SimpleNamespace(policy=after))
    parts: Any = SimpleNamespace(desk=Approved(), rulebook=rulebook, settings=SimpleNamespace(hold_for=45.0))
    parts.counters = Uncounted()
    return (await Approve(parts).fill(exchange, None)).approval  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [a_policy(a_hold()), a_policy()], ids=["same", "loosened"])
async def test_an_approval_holds_while_policy_asks_no_more(after: Policy) -> None:
    assert (await released(a_policy(a_hold()), after)).id == "a1"


@pytest.mark.parametrize(
    "after",
    [
        a_policy(a_hold(), Statement("stop", Action.BLOCK, BOTH)),
        a_policy(a_hold(group="legal")),
        a_policy(a_hold(), a_hold("another")),
        a_policy(a_hold("another")),
    ],
    ids=["blocked", "other-approvers", "one-more-cause", "another-cause"],
)
async def test_an_approval_does_not_hold_where_policy_asks_more_by_then(after: Policy) -> None:
    with pytest.raises(Forbidden, match="policy-tightened"):
        await released(a_policy(a_hold()), after)
