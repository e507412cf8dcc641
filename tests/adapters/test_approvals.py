from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from builders import a_principal, a_text
from weighlock.adapters import approvals
from weighlock.adapters.approvals import Desk
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Forbidden, Refused, Unavailable
from weighlock.model import Action, Approval, ApprovalState, Verdict

S = ApprovalState
VERDICT = Verdict(Action.HOLD, ("large",), {}, "d", approvers=frozenset({"leads"}))
LEE = Approver("https://issuer.example", "u-7", "lee@example.com", frozenset({"leads"}))
GONE = Forbidden("client-gone", "The client went away.")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Office:
    """A desk, its clock, and what it told."""

    def __init__(self, limit: int = 100) -> None:
        self.clock, self.events = Clock(), list[tuple[str, str]]()
        self.desk = Desk(self.clock, limit, lambda approval, exchange: self.events.append((approval.state, exchange)))
        self._count = 0

    def hold(self, binding: str = "b", seconds: float = 60.0, **who: Any) -> asyncio.Task[Approval]:
        return asyncio.create_task(self.held(binding, seconds, **who))

    def held(self, binding: str = "b", seconds: float = 60.0, **who: Any) -> Coroutine[Any, Any, Approval]:
        """The exchanges are called x1, x2, x3."""
        self._count += 1
        preview = [a_text("mail <EMAIL_ADDRESS>")]
        return self.desk.hold(f"x{self._count}", a_principal(**who), VERDICT, binding, preview, seconds)

    def only(self) -> Approval:
        (approval,) = self.desk.list()
        return approval


async def settled() -> None:
    """Everything that can go on without the outside has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def refusal(held: Coroutine[Any, Any, Approval] | asyncio.Task[Approval]) -> Refused:
    with pytest.raises(Refused) as caught:
        await asyncio.wait_for(held, 5)
    return caught.value


async def test_an_approved_request_goes_on_with_its_approval() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    asked = office.only()
    assert not waiting.done()
    assert (asked.state, asked.requested_at, asked.expires_at) == (S.PENDING, 1000.0, 1060.0)
    assert (asked.workload, asked.owner, asked.approvers) == ("nightly", "dana", frozenset({"leads"}))

    office.clock.now = 1010.0
    office.desk.decide(asked.id, LEE, True, "Fine.")

    approval = await waiting
    assert (approval.state, approval.decided_by, approval.decided_at) == (S.APPROVED, "lee@example.com", 1010.0)
    assert office.desk.consume(approval.id, "b").state is S.CONSUMED
    assert office.events == [("pending", "x1"), ("approved", "x1"), ("consumed", "x1")]


async def test_a_denied_request_is_refused_with_the_reason() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    office.desk.decide(office.only().id, LEE, False, "Too much.")

    refused = await refusal(waiting)
    assert (refused.code, refused.because) == ("approval-denied", ("large",))
    assert "Too much." in refused.reason


async def test_a_request_that_nobody_decides_expires() -> None:
    office = Office()

    refused = await refusal(office.held(seconds=0.0))

    assert refused.code == "approval-expired"
    assert "leads" in refused.next_step
    assert office.events == [("pending", "x1"), ("expired", "x1")]


async def test_a_decision_after_the_end_comes_too_late() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    office.clock.now = 1060.0
    with pytest.raises(Forbidden) as caught:
        office.desk.decide(office.only().id, LEE, True, "")

    assert caught.value.code == "approval-expired"
    assert not waiting.done()
    office.desk.cancel("x1", GONE)
    assert (await refusal(waiting)).code == "client-gone"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (Approver("i", "u-1", "u@example.com", frozenset({"leads"}), frozenset({"dana"})), "approver-is-requester"),
        (Approver("i", "repo:acme/nightly", "", frozenset({"leads"})), "approver-is-requester"),
        (Approver("i", "u-7", "lee@example.com", frozenset({"ci"})), "approver-group"),
        (Approver("i", "u-7", "lee@example.com", frozenset()), "approver-group"),
    ],
)
async def test_who_may_not_approve_changes_nothing(who: Approver, code: str) -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    with pytest.raises(Forbidden) as caught:
        office.desk.decide(office.only().id, who, True, "")
    await settled()

    assert caught.value.code == code
    assert not waiting.done()
    assert office.events == [("pending", "x1")]
    office.desk.decide(office.only().id, LEE, True, "")
    assert (await waiting).decided_by == "lee@example.com"


async def test_a_requester_who_joins_may_not_approve_either() -> None:
    office = Office()
    waiting = [office.hold(), office.hold(subject="u-7")]
    await settled()
    mine = [a for a in office.desk.list() if a.state is S.PENDING]
    refusals = 0
    for approval in mine:
        try:
            office.desk.decide(approval.id, LEE, True, "")
        except Forbidden as refused:
            refusals += refused.code == "approver-is-requester"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert refusals == 1


async def test_a_cancelled_request_is_refused_with_what_it_is_told() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    office.desk.cancel("x1", GONE)

    assert await refusal(waiting) is GONE
    assert office.events == [("pending", "x1"), ("cancelled", "x1")]
    with pytest.raises(Forbidden, match="approval-settled"):
        office.desk.decide(office.only().id, LEE, True, "")


async def test_cancelling_a_stranger_changes_nothing() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    office.desk.cancel("nobody", GONE)
    await settled()

    assert not waiting.done()
    office.desk.decide(office.only().id, LEE, True, "")
    assert (await waiting).state is S.APPROVED


async def test_the_same_request_joins_and_another_does_not() -> None:
    office = Office()
    waiting = [office.hold("b"), office.hold("b"), office.hold("c")]
    await settled()
    same, other = office.desk.list()
    assert (same.binding, other.binding) == ("b", "c")

    office.desk.decide(same.id, LEE, True, "")
    office.desk.decide(other.id, LEE, False, "No.")

    assert [(await waiting[0]).id, (await waiting[1]).id] == [same.id, same.id]
    assert (await refusal(waiting[2])).code == "approval-denied"


async def test_one_of_two_who_wait_may_go_and_the_other_waits_on() -> None:
    office = Office()
    waiting = [office.hold(), office.hold()]
    await settled()
    office.desk.cancel("x1", GONE)
    assert await refusal(waiting[0]) is GONE
    assert office.only().state is S.PENDING

    office.desk.decide(office.only().id, LEE, True, "")
    assert (await waiting[1]).state is S.APPROVED


async def test_when_all_who_wait_are_cut_off_at_once_nothing_is_left_to_approve() -> None:
    office = Office()
    waiting = [office.hold(), office.hold()]
    await settled()
    for exchange in ("x1", "x2"):
        office.desk.cancel(exchange, GONE)

    assert [await refusal(task) for task in waiting] == [GONE, GONE]
    assert office.only().state is S.CANCELLED


async def test_a_hold_whose_task_is_ended_leaves_nothing_to_approve() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert office.only().state is S.CANCELLED


async def test_a_new_request_does_not_join_one_that_is_out_of_time() -> None:
    office = Office()
    first = office.hold()
    await settled()
    first.cancel()
    await settled()
    office.clock.now = 2000.0
    second = office.hold()
    await settled()

    assert not second.done()
    office.desk.decide(office.desk.list()[-1].id, LEE, True, "")
    assert (await second).requested_at == 2000.0


async def test_of_fifty_who_race_for_one_approval_one_gets_it() -> None:
    office = Office()

    async def run() -> str:
        try:
            approval = await office.held()
            return office.desk.consume(approval.id, "b").state
        except Forbidden as refused:
            return refused.code

    racing = [asyncio.create_task(run()) for _ in range(50)]
    await settled()
    office.desk.decide(office.only().id, LEE, True, "")
    ended = await asyncio.wait_for(asyncio.gather(*racing), 5)

    assert ended.count("consumed") == 1
    assert len(ended) == 50
    assert set(ended) <= {"consumed", "approval-used", "approval-settled"}
    assert [state for state, _ in office.events] == ["pending", "approved", "consumed"]


async def test_an_approval_is_consumed_for_its_own_binding_and_once() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    id = office.only().id
    with pytest.raises(Forbidden, match="approval-settled"):
        office.desk.consume(id, "b")
    office.desk.decide(id, LEE, True, "")
    await waiting
    with pytest.raises(Forbidden, match="binding-broken"):
        office.desk.consume(id, "other")

    assert office.desk.consume(id, "b").state is S.CONSUMED
    with pytest.raises(Forbidden, match="approval-settled"):
        office.desk.consume(id, "b")


async def test_no_more_wait_than_the_limit_says_and_room_comes_back() -> None:
    office = Office(limit=2)
    waiting = [office.hold("b"), office.hold("c")]
    await settled()
    with pytest.raises(Unavailable) as caught:
        await office.held("d")
    assert caught.value.code == "holds-full"
    assert len(office.desk.list()) == 2

    office.desk.decide(office.desk.list()[0].id, LEE, True, "")
    await waiting[0]
    third = office.hold("d")
    await settled()
    assert not third.done()
    for exchange in ("x2", "x4"):
        office.desk.cancel(exchange, GONE)
    assert [await refusal(task) for task in (waiting[1], third)] == [GONE, GONE]


async def test_old_settled_approvals_make_room_and_waiting_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "KEPT", 3)
    office = Office(limit=2)
    waiting = office.hold("first")
    await settled()
    for number in range(8):
        await refusal(office.held(f"b{number}", seconds=0.0))

    listed = office.desk.list()
    assert len(listed) == 5
    assert (listed[0].binding, listed[-1].binding) == ("first", "b7")
    office.desk.decide(listed[0].id, LEE, True, "")
    assert (await waiting).state is S.APPROVED


async def test_the_prompt_is_shown_while_it_waits_and_dropped_with_the_decision() -> None:
    office = Office()
    waiting = office.hold()
    await settled()
    id = office.only().id
    assert [text.value for text in office.desk.preview(id)] == ["mail <EMAIL_ADDRESS>"]

    office.desk.decide(id, LEE, True, "")
    await waiting
    assert office.desk.preview(id) == ()


def test_an_approval_that_nobody_knows_is_refused() -> None:
    desk = Office().desk
    for ask in (desk.get, desk.preview, lambda id: desk.consume(id, "b"), lambda id: desk.decide(id, LEE, True, "")):
        with pytest.raises(Forbidden, match="approval-unknown"):
            ask("ab12")
