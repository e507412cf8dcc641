"""What passes while a request is held counts when it is decided again; the request itself counts once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builders import a_call, a_destination, a_finding, a_principal
from held import an_approval, some_terms
from weighlock.adapters.counters import Counters
from weighlock.adapters.stores.counters import CounterStore
from weighlock.approval.asked import Asked
from weighlock.errors import Forbidden
from weighlock.holds import Approval, Decision
from weighlock.model import Action, Direction, Exchange, Outbound
from weighlock.policy.counting import DAY, Over, Scope
from weighlock.policy.decide import decide
from weighlock.policy.statements import Policy, Statement
from weighlock.policy.tally import Amount, amount
from weighlock.stages.approve import Approve

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)
MUCH = Over(Scope.WORKLOAD, DAY, {"requests": 0})
TOO_MUCH = Over(Scope.WORKLOAD, DAY, {"requests": 1})
POLICY = Policy(
    (
        ALLOW,
        Statement("much", Action.HOLD, BOTH, terms=some_terms("x"), over=MUCH),
        Statement("too-much", Action.BLOCK, BOTH, over=TOO_MUCH),
    ),
    Action.ALLOW,
    None,
    {},
    "d",
)


@pytest.fixture
def counters(tmp_path: Path) -> Counters:
    return Counters(CounterStore.open(tmp_path), lambda: 100.0 * DAY)


async def released(counters: Counters, meanwhile: Any, after: Policy = POLICY) -> Any:
    """The approval of a request that is held, while *meanwhile* happens; *after* is in force by then."""

    class Desk:
        async def granted(self, *_: Any) -> None: ...

        async def hold(self, asked: Asked, seconds: float) -> Approval:
            await meanwhile()
            decisions = (Decision("lee", True, "", 0.0, frozenset({"x"})),)
            return an_approval(binding=asked.binding, because=asked.because, decisions=decisions)

        async def consume(self, id: str, *_: Any) -> Approval:
            return an_approval(id=id)

    principal, call, findings = a_principal(), a_call("hello"), (a_finding(),)
    rules = SimpleNamespace(policy=POLICY)
    exchange = Exchange(id="e1", started_at=0.0, peer="", rules=rules, destination=a_destination(), principal=principal)
    exchange.call, exchange.findings, exchange.outbound = call, findings, Outbound("POST", "/", (), b"")
    asked = partial(amount, call.texts, findings, size=5, requests=1)
    counts = await counters.count("e1", POLICY, principal, asked)
    exchange.verdict = decide(POLICY, principal, call, findings, Direction.REQUEST, counts)
    assert exchange.verdict.because == ("much",)
    parts: Any = SimpleNamespace(
        counters=counters,
        desk=Desk(),
        rulebook=SimpleNamespace(current=SimpleNamespace(policy=after, identity=None)),
        settings=SimpleNamespace(hold_for=45.0),
        identifier=SimpleNamespace(check=lambda *_: None),
        cutoffs=SimpleNamespace(current=lambda: None),
    )
    flow: Any = SimpleNamespace(client_conn=SimpleNamespace(connected=True))
    return (await Approve(parts).fill(exchange, flow)).approval


async def another(counters: Counters) -> None:
    await counters.count("e2", POLICY, a_principal(), lambda: Amount(1))
    await counters.keep("e2")


async def test_what_is_held_does_not_count_twice(counters: Counters) -> None:
    async def nothing() -> None: ...

    assert (await released(counters, nothing)).id == "ab12"


TIGHTENED = replace(POLICY, statements=(*POLICY.statements, Statement("stop", Action.BLOCK, BOTH)))


@pytest.mark.parametrize("after", [POLICY, TIGHTENED], ids=["same-policy", "tightened-as-well"])
async def test_what_passes_meanwhile_counts_and_is_said_to_be_the_cause(counters: Counters, after: Policy) -> None:
    """Also where the policy changed: the counter alone would have refused it."""
    with pytest.raises(Forbidden, match=r"counter-grew: .*more was counted .* Counted: ") as caught:
        await released(counters, lambda: another(counters), after)
    assert caught.value.because == ("too-much",)


async def test_a_policy_that_changed_is_said_to_have_changed(counters: Counters) -> None:
    async def nothing() -> None: ...

    with pytest.raises(Forbidden, match="policy-tightened: The policy changed") as caught:
        await released(counters, nothing, TIGHTENED)
    assert caught.value.because == ("stop",)
