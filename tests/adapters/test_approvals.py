"""The desk: who waits, who comes back, and what each is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from held import a_desk, a_request, an_approver, listed, some_terms
from weighlock.errors import Forbidden, Later, Refused, Unavailable
from weighlock.holds import Approval, ApprovalState, Way

S = ApprovalState
LEE = an_approver("lee", "leads", "legal")
GONE = Unavailable("client-gone", "The connection ended.")
CUT = Forbidden("cut-off", "Somebody was cut off.")


class Office:
    """A desk, its clock, and what it told."""

    def __init__(self, **bounds: Any) -> None:
        self.now, self.events = 1000.0, list[tuple[str, str]]()
        self.desk = a_desk(
            lambda: self.now, lambda approval, exchange: self.events.append((approval.state, exchange)), **bounds
        )
        self._count = 0

    def hold(self, binding: str = "b", seconds: float = 60.0, **given: Any) -> asyncio.Task[Approval]:
        return asyncio.create_task(self.held(binding, seconds, **given))

    def held(self, binding: str = "b", seconds: float = 60.0, **given: Any) -> Coroutine[Any, Any, Approval]:
        """The exchanges are called x1, x2, x3."""
        self._count += 1
        return self.desk.hold(a_request(f"x{self._count}", binding, **given), seconds)

    async def asked(self, count: int = 1) -> list[Approval]:
        return await listed(self.desk, count)

    async def only(self) -> Approval:
        (approval,) = await self.asked()
        return approval

    async def approve(self) -> Approval:
        return await self.desk.decide((await self.only()).id, LEE, True, "Fine.")

    async def deny(self) -> Approval:
        return await self.desk.decide((await self.only()).id, LEE, False, "Too much.")


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    yield office
    await office.desk.close()


async def refusal(held: Coroutine[Any, Any, Approval] | asyncio.Task[Approval]) -> Refused:
    with pytest.raises(Refused) as caught:
        await asyncio.wait_for(held, 5)
    return caught.value


# -- who waits ---------------------------------------------------------------------------------------------------------


async def test_an_approved_request_goes_on_with_its_approval(office: Office) -> None:
    waiting = office.hold()
    asked = await office.only()
    assert not waiting.done()
    assert (asked.state, asked.requested_at, asked.decide_by) == (S.PENDING, 1000.0, 1000.0 + 4 * 3600)
    assert (asked.workload, asked.owner, asked.destination) == ("nightly", "dana", "model")

    office.now = 1010.0
    await office.approve()

    approval = await waiting
    assert (approval.state, approval.use_by) == (S.APPROVED, 1010.0 + 1800)
    assert (await office.desk.consume(approval.id, "b", "x1")).state is S.CONSUMED
    assert office.events == [("pending", "x1"), ("approved", "x1"), ("consumed", "x1")]


async def test_a_denied_request_is_refused_with_the_reason(office: Office) -> None:
    waiting = office.hold()
    await office.deny()

    refused = await refusal(waiting)
    assert (refused.code, refused.because, refused.retry) == ("approval-denied", ("large",), False)
    assert "lee@example.com: Too much." in refused.reason


async def test_who_waits_in_vain_is_told_what_holds_it_who_can_approve_and_how_to_come_back(office: Office) -> None:
    refused = await refusal(office.held(seconds=0.0, terms=some_terms("leads", "legal", need=2)))
    id = (await office.only()).id

    assert (refused.code, refused.status, refused.retry) == ("approval-pending", 403, False)
    said = f"{refused.reason} {refused.next_step}"
    for words in (id, "Too large", "2 of leads or legal", f"weighlock wait {id}", "run the job again within 30 min"):
        assert words in said
    assert (await office.only()).state is S.PENDING


async def test_who_runs_the_same_again_finds_what_was_decided(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    await office.approve()
    approval = await office.held(seconds=0.0)

    assert approval.state is S.APPROVED
    assert (await office.desk.consume(approval.id, "b", "x2")).state is S.CONSUMED
    assert office.events == [("pending", "x1"), ("approved", "x1"), ("consumed", "x2")]
    assert (await refusal(office.held(seconds=0.0))).code == "approval-pending", "it releases one request, once"
    assert len(await office.asked(2)) == 2


async def test_who_runs_the_same_again_in_time_waits_for_the_same_approval(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    waiting = office.hold()
    while not office.desk._room.awaited((await office.only()).key):
        pass
    await office.approve()

    assert (await waiting).id == (await office.only()).id


async def test_what_was_denied_in_between_is_told_once_and_asked_again_then(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    await office.deny()

    assert (await refusal(office.held(seconds=0.0))).code == "approval-denied"
    assert (await refusal(office.held(seconds=0.0))).code == "approval-pending"
    assert [one.state for one in await office.asked(2)] == [S.DENIED, S.PENDING]


async def test_what_was_revoked_releases_nothing(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    approved = await office.approve()
    await office.desk.revoke(approved.id, LEE, "Wrong one.")

    with pytest.raises(Forbidden, match="approval-revoked"):
        await office.desk.consume(approved.id, "b", "x1")
    assert (await refusal(office.held(seconds=0.0))).code == "approval-revoked"


@pytest.mark.parametrize(
    "other",
    [
        {"binding": "c"},
        {"subject": "repo:acme/other"},
        {"persons": frozenset({"dana", "kim"})},
        {"claims": {"actor_id": "1047"}},
        {"terms": some_terms("legal")},
        {"terms": some_terms("leads", need=2)},
        {"terms": some_terms("leads", needs_reason=True)},
    ],
    ids=["bytes", "subject", "person", "actor", "groups", "number", "reason"],
)
async def test_the_same_request_joins_and_another_does_not(office: Office, other: dict[str, Any]) -> None:
    waiting = [office.hold(), office.hold(), office.hold(**other)]
    first, second = await office.asked(2)
    await office.desk.decide(first.id, LEE, True, "Fine.")

    assert [(await waiting[0]).id, (await waiting[1]).id] == [first.id, first.id]
    assert not waiting[2].done()
    await office.desk.decide(second.id, LEE, False, "No.")
    assert (await refusal(waiting[2])).code == "approval-denied"


async def test_a_soft_hold_is_told_at_once_to_ask_again_and_never_for_long() -> None:
    office = Office(retry=500.0)
    soft = {"terms": some_terms(way=Way.SOFT, within=100.0)}
    refused = await refusal(office.held(seconds=60.0, **soft))

    assert isinstance(refused, Later)
    assert (refused.status, refused.retry, refused.retry_after) == (429, True, 60)
    office.now = 1090.5
    late = await refusal(office.held(**soft))
    assert isinstance(late, Later)
    assert late.retry_after == 10
    await office.deny()
    assert (await refusal(office.held(**soft))).code == "approval-denied"
    await office.desk.close()


# -- who leaves --------------------------------------------------------------------------------------------------------


async def test_a_client_that_left_may_come_back_for_a_while(office: Office) -> None:
    waiting = office.hold()
    await office.only()
    office.desk.leave("x1", GONE)
    assert await refusal(waiting) is GONE
    office.now += 59
    await office.desk.sweep()
    assert (await office.only()).state is S.PENDING

    again = office.hold()
    await office.approve()
    assert (await again).state is S.APPROVED


async def test_a_client_that_left_for_good_leaves_nothing_to_approve(office: Office) -> None:
    waiting = office.hold()
    await office.only()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    office.now += 60
    await office.desk.sweep()

    assert (await office.only()).state is S.CANCELLED
    with pytest.raises(Forbidden, match="approval-settled"):
        await office.approve()


async def test_what_is_approved_while_its_client_is_found_gone_stays_approved(office: Office) -> None:
    waiting = office.hold()
    await office.only()
    office.desk.leave("x1", GONE)
    await refusal(waiting)
    office.now += 60
    # The sweep looks first, the approver is first in the store.
    _, approved = await asyncio.gather(office.desk.sweep(), office.approve())

    assert approved.state is S.APPROVED
    assert (await office.only()).state is S.APPROVED


async def test_a_client_that_was_told_to_come_back_has_until_the_end(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    office.now += 4 * 3600 - 1
    await office.desk.sweep()
    assert (await office.only()).state is S.PENDING

    office.now += 1
    await office.desk.sweep()
    assert (await office.only()).state is S.EXPIRED


async def test_who_was_cut_off_is_refused_and_what_they_asked_for_is_cancelled(office: Office) -> None:
    waiting = office.hold()
    await office.only()
    office.desk.cancel("x1", CUT)
    assert await refusal(waiting) is CUT
    await asyncio.gather(*office.desk._tasks)

    assert (await office.only()).state is S.CANCELLED


async def test_one_of_two_who_wait_may_go_and_the_other_waits_on(office: Office) -> None:
    waiting = [office.hold(), office.hold()]
    await office.only()
    office.desk.cancel("x1", CUT)
    assert await refusal(waiting[0]) is CUT
    office.now += 600
    await office.desk.sweep()

    await office.desk.decide((await office.only()).id, an_approver(authenticated_at=office.now), True, "")
    assert (await waiting[1]).state is S.APPROVED


async def test_who_may_not_call_any_more_has_nothing_approved(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    await office.approve()
    await office.desk.recheck(lambda principal: True)
    assert (await office.only()).state is S.APPROVED
    await office.desk.recheck(lambda principal: principal.workload != "nightly")

    assert (await office.only()).state is S.CANCELLED


async def test_leaving_as_a_stranger_changes_nothing(office: Office) -> None:
    waiting = office.hold()
    await office.only()
    office.desk.leave("nobody", GONE)
    office.desk.cancel("nobody", GONE)
    await office.approve()

    assert (await waiting).state is S.APPROVED


# -- time --------------------------------------------------------------------------------------------------------------


async def test_an_approval_is_worth_nothing_after_its_time(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    approved = await office.approve()
    office.now += 1800

    with pytest.raises(Forbidden, match="approval-expired"):
        await office.desk.consume(approved.id, "b", "x1")
    assert (await office.only()).state is S.EXPIRED


async def test_a_request_that_nobody_decides_in_time_expires(office: Office) -> None:
    office_terms = some_terms(within=0.0)
    refused = await refusal(office.held(terms=office_terms))

    assert refused.code == "approval-expired"
    assert "leads" in refused.next_step
    assert office.events == [("pending", "x1"), ("expired", "x1")]


async def test_a_new_request_does_not_join_one_that_is_out_of_time(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    office.now += 5 * 3600
    assert (await refusal(office.held(seconds=0.0))).code == "approval-pending"

    assert [one.state for one in await office.asked(2)] == [S.EXPIRED, S.PENDING]


# -- one consumes ------------------------------------------------------------------------------------------------------


async def test_of_fifty_who_race_for_one_approval_one_gets_it(office: Office) -> None:
    async def run(number: int) -> str:
        try:
            approval = await office.held()
            return (await office.desk.consume(approval.id, "b", f"x{number}")).state
        except Forbidden as refused:
            return refused.code

    racing = [asyncio.create_task(run(number)) for number in range(50)]
    await office.approve()
    ended = await asyncio.wait_for(asyncio.gather(*racing), 10)

    assert (ended.count("consumed"), ended.count("approval-used")) == (1, 49)
    assert [state for state, _ in office.events] == ["pending", "approved", "consumed"]


async def test_an_approval_is_consumed_for_its_own_binding_and_once(office: Office) -> None:
    await refusal(office.held(seconds=0.0))
    id = (await office.only()).id
    with pytest.raises(Forbidden, match="approval-pending"):
        await office.desk.consume(id, "b", "x1")
    await office.approve()
    with pytest.raises(Forbidden, match="binding-broken"):
        await office.desk.consume(id, "c", "x1")

    assert (await office.desk.consume(id, "b", "x1")).state is S.CONSUMED
    with pytest.raises(Forbidden, match="approval-used"):
        await office.desk.consume(id, "b", "x1")


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [{"total": 2}, {"share": 2}])
@pytest.mark.parametrize("seconds", [60.0, 0.0], ids=["waiting", "told-to-come-back"])
async def test_no_more_are_held_than_the_bounds_say_and_room_comes_back(bounds: dict[str, int], seconds: float) -> None:
    office = Office(**bounds)
    waiting = [office.hold("b", seconds), office.hold("c", seconds)]
    first, _ = await office.asked(2)
    if not seconds:
        await asyncio.gather(*waiting, return_exceptions=True)
    assert (await refusal(office.held("d"))).code == "holds-full"
    await office.desk.decide(first.id, LEE, True, "Fine.")
    await asyncio.gather(waiting[0], return_exceptions=True)

    third = office.hold("d")
    assert len(await office.asked(3)) == 3
    for exchange in ("x2", "x4"):
        office.desk.leave(exchange, GONE)
    await asyncio.gather(waiting[1], third, return_exceptions=True)
    await office.desk.close()


async def test_one_workload_takes_no_room_from_another() -> None:
    office = Office(share=1, total=2)
    waiting = [office.hold("b"), office.hold("c", workload="other")]
    await office.asked(2)
    assert (await refusal(office.held("d"))).code == "holds-full"

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await office.desk.close()


# -- what is shown -----------------------------------------------------------------------------------------------------


async def test_the_prompt_is_shown_while_it_is_open_and_the_last_released_one_beside_the_next(office: Office) -> None:
    await refusal(office.held(seconds=0.0, prompt="one <PERSON>"))
    approved = await office.approve()
    (shown,) = await office.desk.prompt(approved.id)
    assert (shown.text, await office.desk.before("nightly")) == ("one <PERSON>", ())
    await office.desk.consume(approved.id, "b", "x1")

    assert await office.desk.prompt(approved.id) == ()
    assert await office.desk.before("nightly") == (shown,)
    assert await office.desk.before("other") == ()


async def test_an_approval_that_nobody_knows_is_refused(office: Office) -> None:
    for ask in (
        office.desk.get("zz"),
        office.desk.consume("zz", "b", "x1"),
        office.desk.decide("zz", LEE, True, ""),
        office.desk.revoke("zz", LEE, "r"),
        office.desk.review("zz", LEE, "r"),
    ):
        with pytest.raises(Forbidden, match="approval-unknown"):
            await ask
