"""Grants by the rules in force, and many requests that race for one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from builders import a_destination
from held import NOW, a_desk, a_request, an_approver, some_terms
from weighlock.adapters import grants
from weighlock.adapters.rulebook import NONE, IdentityRules
from weighlock.approval.grants import Wanted
from weighlock.errors import Forbidden, Malformed
from weighlock.holds import Approval, ApprovalState, Limits
from weighlock.identity.people import Person
from weighlock.identity.workloads import Workload
from weighlock.model import Action, Direction
from weighlock.policy.statements import Policy, Statement

DANA = Person("dana", ("dana@example.com",))
STATEMENTS = (
    Statement("large", Action.HOLD, frozenset(Direction), terms=some_terms("leads", within=60.0)),
    Statement("secret", Action.BLOCK, frozenset(Direction)),
)
OTHER = Workload("weekly", Person("kim", ()), "https://issuer.example")
RULES = replace(
    NONE,
    identity=IdentityRules({}, (DANA,), (OTHER, Workload("nightly", DANA, "https://issuer.example"))),
    destinations={("llm.example", 443): a_destination()},
    policy=Policy(STATEMENTS, Action.HOLD, some_terms("legal"), {}),
)


def wanted(requests: int = 10, **given: Any) -> Approval:
    asker, reason = given.pop("asker", an_approver()), given.pop("reason", "Month's end.")
    said: dict[str, Any] = {"workload": "nightly", "statements": ("large",), "destination": "model", "model": "small"}
    asked = Wanted(**said | given, limits=Limits(requests, 1 << 20, 600.0))
    return grants.wanted(RULES, asked, asker, reason, NOW)


def test_a_grant_is_decided_on_the_terms_of_its_statements() -> None:
    grant = wanted(statements=("large", "uncovered"))

    assert (grant.owner, grant.names, grant.because) == ("dana", {"dana", "dana@example.com"}, ("large", "uncovered"))
    assert (grant.terms.groups, grant.terms.need, grant.decide_by) == ({"leads", "legal"}, 2, NOW + 60)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"workload": "hourly"}, "grant-workload"),
        ({"destination": "other"}, "grant-destination"),
        ({"statements": ("secret",)}, "grant-statements"),
        ({"statements": ("large", "none")}, "grant-statements"),
        ({"statements": ()}, "grant-statements"),
    ],
    ids=["workload", "destination", "a-block", "no-such-statement", "none"],
)
def test_what_the_rules_do_not_know_is_not_granted(given: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed, match=code):
        wanted(**given)


def test_an_owner_asks_for_their_own_and_who_has_a_say_for_all() -> None:
    owner = an_approver("dana", "staff", persons=frozenset({"dana"}))
    assert grants.choices(RULES, owner) == grants.Choices(("nightly",), ("large", "uncovered"), ("model",))
    assert grants.choices(RULES, an_approver("lee")).workloads == ("nightly", "weekly")
    assert wanted(asker=owner).subject == "dana@example.com"
    with pytest.raises(Malformed, match="grant-workload"):
        wanted(asker=owner, workload="weekly")


def test_nobody_else_asks_and_nobody_without_a_reason() -> None:
    with pytest.raises(Forbidden, match="grant-asker"):
        wanted(asker=an_approver("eve", "staff"), workload="none of their business")
    with pytest.raises(Forbidden, match="reason-missing"):
        wanted(reason=" ")


async def test_of_fifty_who_race_for_ten_ten_get_it() -> None:
    events = list[str]()
    desk = a_desk(on_event=lambda approval, exchange: events.append(approval.state))
    grant = await desk.grant(an_approver("lee"), wanted(10))
    assert (grant.state, len(grant.decisions)) == (ApprovalState.PENDING, 1)
    assert await desk.granted(a_request(), 10) is None
    await desk.decide(grant.id, an_approver("max"), True, "")
    taken = await asyncio.gather(*(desk.granted(a_request(f"x{n}", f"b{n}"), 10) for n in range(50)))

    assert len([one for one in taken if one]) == 10
    last = await desk.get(grant.id)
    assert (last.state, last.limits) == (ApprovalState.CONSUMED, Limits(10, 1 << 20, 600.0, 10, 100))
    assert events == ["pending", "pending", *["approved"] * 10, "consumed"]
    await desk.close()


async def test_who_may_not_approve_may_ask(caplog: pytest.LogCaptureFixture) -> None:
    desk = a_desk()
    for asker in (an_approver("dana"), an_approver("eve", "staff"), an_approver("max", authenticated_at=0.0)):
        grant = await desk.grant(asker, wanted())
        assert (grant.state, grant.decisions) == (ApprovalState.PENDING, ())
    await desk.close()
