from __future__ import annotations

import asyncio

import pytest

from builders import a_principal
from weighlock.adapters.approvals import Desk
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Forbidden, Refused
from weighlock.model import Action, Approval, Verdict

ALICE = Approver("i", "alice", "alice@example.com", frozenset({"security"}))


def held(desk: Desk, exchange: str, *groups: str) -> asyncio.Task[Approval]:
    verdict = Verdict(Action.HOLD, ("bulk",), {}, "p", approvers=frozenset(groups or ("security",)))
    return asyncio.create_task(desk.hold(exchange, a_principal(), verdict, "b" * 64, [], 45))


async def test_an_approval_is_worth_nothing_after_its_time() -> None:
    now = 1000.0
    desk = Desk(lambda: now, 10, lambda *_: None)
    waiting = held(desk, "e1")
    await asyncio.sleep(0)
    desk.decide(desk.list()[0].id, ALICE, True, "")
    approval = await waiting
    now = 1045.0

    with pytest.raises(Forbidden) as caught:
        desk.consume(approval.id, approval.binding)
    assert caught.value.code == "approval-expired"
    assert desk.get(approval.id).state == "expired"


async def test_a_request_that_others_must_approve_does_not_join() -> None:
    desk = Desk(lambda: 1000.0, 10, lambda *_: None)
    waiting = [held(desk, "e1", "security"), held(desk, "e2", "legal")]
    await asyncio.sleep(0)
    first, second = desk.list()
    desk.decide(first.id, ALICE, True, "")
    with pytest.raises(Forbidden, match="approver-group"):
        desk.decide(second.id, ALICE, True, "")

    assert (await waiting[0]).id == first.id
    assert not waiting[1].done()
    desk.cancel("e2", Refused("gone", "Gone."))
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_who_joined_and_lost_the_race_is_told_that_it_was_used() -> None:
    desk = Desk(lambda: 1000.0, 10, lambda *_: None)

    async def run(exchange: str) -> str:
        verdict = Verdict(Action.HOLD, ("bulk",), {}, "p", approvers=frozenset({"security"}))
        try:
            approval = await desk.hold(exchange, a_principal(), verdict, "b" * 64, [], 45)
        except Refused as refused:
            return refused.code
        return desk.consume(approval.id, approval.binding).state.value

    racing = [asyncio.create_task(run(exchange)) for exchange in ("e1", "e2")]
    await asyncio.sleep(0)
    desk.decide(desk.list()[0].id, ALICE, True, "")

    assert await asyncio.gather(*racing) == ["consumed", "approval-used"]
