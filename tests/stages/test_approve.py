from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from builders import Uncounted, a_call, a_destination, a_finding, a_principal
from held import an_approval, some_terms
from weighlock.approval.asked import Asked
from weighlock.errors import Forbidden, Refused, Unavailable
from weighlock.holds import Approval, Decision, Kind
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Exchange, Outbound, Release
from weighlock.policy.decide import decide
from weighlock.policy.statements import Policy, Statement
from weighlock.stages.approve import Approve

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)


def a_hold(id: str = "hold", group: str = "security", **given: Any) -> Statement:
    return Statement(id, Action.HOLD, BOTH, terms=some_terms(group, **given))


def a_policy(*statements: Statement) -> Policy:
    ranks = {name: rank for rank, name in enumerate(OPERATORS)}
    return Policy((ALLOW, *statements), Action.ALLOW, None, ranks, "d")


class Approved:
    """A desk at which one of *groups* approves everything at once."""

    def __init__(self, *groups: str) -> None:
        self.decisions = (Decision("lee", True, "", 0.0, frozenset(groups)),)
        self.consumed = 0
        self.grant: Approval | None = None

    async def granted(self, asked: Asked, size: int) -> Approval | None:
        return self.grant

    async def hold(self, asked: Asked, seconds: float) -> Approval:
        return an_approval(binding=asked.binding, because=asked.because, decisions=self.decisions)

    async def consume(self, id: str, binding: str, exchange: str) -> Approval:
        self.consumed += 1
        return an_approval(binding=binding)


async def released(
    before: Policy, after: Policy, desk: Approved, *, connected: bool = True, cut: Refused | None = None
) -> Release:
    principal, call, findings = a_principal(), a_call("hello"), (a_finding(),)
    rules = SimpleNamespace(policy=before)
    exchange = Exchange(id="e1", started_at=0.0, peer="", rules=rules, destination=a_destination(), principal=principal)
    exchange.call, exchange.findings = call, findings
    exchange.verdict = decide(before, principal, call, findings, Direction.REQUEST)
    exchange.outbound = Outbound("POST", "/", (), b"")

    def check(*_: Any) -> None:
        if cut:
            raise cut

    parts: Any = SimpleNamespace(
        desk=desk,
        rulebook=SimpleNamespace(current=SimpleNamespace(policy=after, identity=None)),
        settings=SimpleNamespace(hold_for=45.0),
        identifier=SimpleNamespace(check=check),
        cutoffs=SimpleNamespace(current=lambda: None),
        counters=Uncounted(),
    )
    flow: Any = SimpleNamespace(client_conn=SimpleNamespace(connected=connected))
    return await Approve(parts).fill(exchange, flow)


@pytest.mark.parametrize(
    "after",
    [a_policy(a_hold()), a_policy(), a_policy(a_hold(within=1.0)), a_policy(a_hold(group="leads"))],
    ids=["same", "loosened", "shorter", "others-who-have-approved-too"],
)
async def test_an_approval_holds_while_policy_asks_no_more(after: Policy) -> None:
    desk = Approved("security", "leads")
    release = await released(a_policy(a_hold()), after, desk)

    assert release.approval
    assert (release.binding, desk.consumed) == (release.approval.binding, 1)


@pytest.mark.parametrize(
    "after",
    [
        a_policy(a_hold(), Statement("stop", Action.BLOCK, BOTH)),
        a_policy(a_hold(group="legal")),
        a_policy(a_hold(need=2)),
        a_policy(a_hold(), a_hold("another")),
        a_policy(a_hold("another")),
    ],
    ids=["blocked", "other-approvers", "one-more-approver", "one-more-cause", "another-cause"],
)
async def test_an_approval_does_not_hold_where_policy_asks_more_by_then(after: Policy) -> None:
    desk = Approved("security")
    with pytest.raises(Forbidden, match="policy-tightened"):
        await released(a_policy(a_hold()), after, desk)
    assert desk.consumed == 0


async def test_who_was_cut_off_while_it_was_approved_is_not_released() -> None:
    desk, policy = Approved("security"), a_policy(a_hold())
    with pytest.raises(Forbidden, match="cut-off"):
        await released(policy, policy, desk, cut=Forbidden("cut-off", "Cut off."))
    assert desk.consumed == 0


async def test_a_client_that_left_consumes_nothing() -> None:
    desk, policy = Approved("security"), a_policy(a_hold())
    with pytest.raises(Unavailable, match="client-gone"):
        await released(policy, policy, desk, connected=False)
    assert desk.consumed == 0


async def test_what_a_grant_covers_waits_for_nobody() -> None:
    desk, policy = Approved(), a_policy(a_hold())
    desk.grant = an_approval(kind=Kind.GRANT, binding="")
    release = await released(policy, policy, desk)

    assert (release.approval, desk.consumed) == (desk.grant, 0)
    assert release.binding


async def test_what_is_not_held_needs_nobody() -> None:
    desk = Approved()
    release = await released(a_policy(), a_policy(), desk)

    assert (release.approval, desk.consumed) == (None, 0)
