from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from held import NOW, an_approval, an_approver, some_terms
from weighlock.approval import lifecycle
from weighlock.approval.lifecycle import GLASS, Approver, Event, decide, enough, move, review, revoke
from weighlock.errors import Refused
from weighlock.holds import Approval, ApprovalState, Decision, Kind, Limits, Terms, Threshold

S, E = ApprovalState, Event
MOVES = {
    (S.PENDING, E.SIGN): S.PENDING,
    (S.PENDING, E.APPROVE): S.APPROVED,
    (S.PENDING, E.DENY): S.DENIED,
    (S.PENDING, E.EXPIRE): S.EXPIRED,
    (S.PENDING, E.CANCEL): S.CANCELLED,
    (S.APPROVED, E.USE): S.APPROVED,
    (S.APPROVED, E.CONSUME): S.CONSUMED,
    (S.APPROVED, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.CANCEL): S.CANCELLED,
    (S.APPROVED, E.REVOKE): S.REVOKED,
}
AT = NOW + 50


def decided(
    approval: Approval, approver: Approver, approve: bool = True, reason: str = "r", now: float = AT, **given: Any
) -> Approval:
    return decide(approval, approver, approve, reason, now, **{"max_age": 900.0} | given)


def refusal(*given: Any, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        decided(*given, **more)
    return caught.value.code


# -- the table ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ApprovalState, Event)))
def test_every_pair_of_state_and_event_moves_as_told_or_is_refused(state: ApprovalState, event: Event) -> None:
    approval = an_approval(state)
    if (state, event) in MOVES:
        assert move(approval, event) == an_approval(MOVES[state, event])
    else:
        with pytest.raises(Refused) as caught:
            move(approval, event)
        assert caught.value.code == "approval-settled"


# -- one decision ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("approve", "state"), [(True, S.APPROVED), (False, S.DENIED)])
def test_a_member_of_a_group_decides(approve: bool, state: ApprovalState) -> None:
    after = decided(an_approval(), an_approver(), approve, " Fine. ")

    assert after.state is state
    (said,) = after.decisions
    assert (said.who, said.approve, said.reason, said.at) == ("lee@example.com", approve, "Fine.", AT)
    assert after.use_by == (AT + 1800 if approve else None)


def test_the_time_to_decide_and_the_time_to_use_are_two() -> None:
    approval = an_approval(terms=some_terms(use_within=60.0), decide_by=NOW + 1000)
    late = decided(approval, an_approver(authenticated_at=NOW + 998), now=NOW + 999)

    assert late.use_by == NOW + 1059
    assert lifecycle.ends_at(approval) == NOW + 1000
    assert lifecycle.ends_at(late) == NOW + 1059


@pytest.mark.parametrize("approve", [True, False])
def test_the_last_moment_is_too_late(approve: bool) -> None:
    assert refusal(an_approval(), an_approver(), approve, now=NOW + 100) == "approval-expired"
    assert decided(an_approval(), an_approver(), approve, now=NOW + 99.9).decisions[0].at == NOW + 99.9


@pytest.mark.parametrize("state", [state for state in S if state is not S.PENDING])
@pytest.mark.parametrize("approve", [True, False])
def test_what_is_settled_is_not_decided_again(state: ApprovalState, approve: bool) -> None:
    assert refusal(an_approval(state), an_approver(), approve) == "approval-settled"


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"lead"}), frozenset({"LEADS"}), frozenset({""})])
@pytest.mark.parametrize("approve", [True, False])
def test_nobody_outside_the_groups_decides(groups: frozenset[str], approve: bool) -> None:
    assert refusal(an_approval(), an_approver(groups=groups), approve) == "approver-group"


def test_where_nobody_is_asked_nobody_can_lift_the_hold() -> None:
    assert refusal(an_approval(terms=Terms(())), an_approver()) == "approver-group"


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_denial_says_why_and_an_approval_where_its_statement_wants_it(reason: str) -> None:
    strict = an_approval(terms=some_terms(needs_reason=True))

    assert refusal(an_approval(), an_approver(), False, reason) == "reason-missing"
    assert refusal(strict, an_approver(), True, reason) == "reason-missing"
    assert decided(an_approval(), an_approver(), True, reason).decisions[0].reason == ""


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (900, True), (901, False), (86_400, False)])
@pytest.mark.parametrize("approve", [True, False])
def test_an_approver_has_logged_in_lately(age: float, fresh: bool, approve: bool) -> None:
    approver = an_approver(authenticated_at=AT - age)
    if fresh:
        assert decided(an_approval(), approver, approve).decisions
    else:
        assert refusal(an_approval(), approver, approve) == "approver-stale"


# -- nobody their own --------------------------------------------------------------------------------------------------

OWN: dict[str, dict[str, Any]] = {
    "the owner": {"persons": frozenset({"dana"})},
    "the actor": {"persons": frozenset({"kim"})},
    "a person with a second account": {"issuer": "https://other.example", "persons": frozenset({"lee", "kim"})},
    "the owner's e-mail": {"email": "dana@example.com"},
    "in another case": {"email": "DANA@Example.com"},
    "the subject is the owner": {"subject": "dana@example.com", "email": ""},
    "the job's subject": {"subject": "REPO:acme/nightly", "email": ""},
    "the actor's login": {"names": frozenset({"Kim-Codes"})},
}
ASKED = {
    "persons": frozenset({"dana", "kim"}),
    "names": frozenset({"dana@example.com", "repo:acme/nightly", "kim-codes"}),
}


@pytest.mark.parametrize("who", OWN)
def test_nobody_approves_their_own_request_and_anybody_may_deny_it(who: str) -> None:
    approval, approver = an_approval(**ASKED), an_approver(**OWN[who])

    assert refusal(approval, approver) == "approver-is-requester"
    assert decided(approval, approver, False, "No.").state is S.DENIED


def test_an_approver_without_email_is_not_the_owner_without_one() -> None:
    assert decided(an_approval(names=frozenset({""})), an_approver(email="")).state is S.APPROVED


# -- several people ----------------------------------------------------------------------------------------------------


def test_where_two_are_asked_the_second_lets_it_go() -> None:
    first = decided(an_approval(terms=some_terms(need=2)), an_approver("lee"))
    assert (first.state, first.use_by) == (S.PENDING, None)
    second = decided(first, an_approver("max"), now=AT + 10)

    assert (second.state, second.use_by) == (S.APPROVED, AT + 10 + 1800)
    assert [one.who for one in second.decisions] == ["lee@example.com", "max@example.com"]


@pytest.mark.parametrize(
    "again",
    [
        an_approver("lee"),
        an_approver("lee", subject="u-8"),
        an_approver("lee", email="LEE@example.com", subject="u-8"),
        an_approver("lee", email="other@example.com"),
        an_approver("x", issuer="https://other.example", persons=frozenset({"lee"})),
    ],
    ids=["again", "same-email", "same-email-in-another-case", "same-account", "same-person-by-another-account"],
)
def test_one_person_is_not_two(again: Approver) -> None:
    first = decided(an_approval(terms=some_terms(need=2)), an_approver("lee", persons=frozenset({"lee"})))

    assert refusal(first, again) == "approver-again"


def test_one_denial_ends_it_whoever_has_approved() -> None:
    first = decided(an_approval(terms=some_terms(need=3)), an_approver("lee"))

    assert decided(first, an_approver("max"), False, "No.").state is S.DENIED


def test_each_statement_asks_its_own_people_and_one_may_speak_for_both() -> None:
    quorums = (*some_terms("leads").quorums, *some_terms("legal").quorums)
    approval = an_approval(terms=Terms(quorums))

    assert decided(approval, an_approver("lee", "leads")).state is S.PENDING
    assert decided(approval, an_approver("lee", "leads", "legal")).state is S.APPROVED


def test_one_statement_that_asks_two_groups_asks_two_people() -> None:
    both = Terms(((Threshold(frozenset({"leads"})), Threshold(frozenset({"legal"}))),))
    first = decided(an_approval(terms=both), an_approver("lee", "leads", "legal"))
    assert (first.state, both.need) == (S.PENDING, 2)

    assert decided(first, an_approver("max", "leads")).state is S.APPROVED
    assert decided(first, an_approver("max", "legal")).state is S.APPROVED


groups = st.frozensets(st.sampled_from("abc"), min_size=1)
quorums = st.lists(st.builds(Threshold, groups, st.integers(1, 2)), min_size=1, max_size=3).map(tuple)


def by_hand(quorum: tuple[Threshold, ...], people: list[frozenset[str]]) -> bool:
    """Whether some order of some of the people fills all seats."""
    seats = [threshold.groups for threshold in quorum for _ in range(threshold.need)]
    return any(
        all(seat & person for seat, person in zip(seats, chosen, strict=True))
        for chosen in itertools.permutations(people, len(seats))
    )


@given(quorums, st.lists(groups, max_size=5))
def test_a_quorum_is_met_where_every_seat_has_a_person_of_its_own(
    quorum: tuple[Threshold, ...], people: list[frozenset[str]]
) -> None:
    said = [Decision(str(n), True, "", 0.0, held) for n, held in enumerate(people)]

    assert enough([quorum], said) == by_hand(quorum, people)
    assert not enough([quorum], [replace(one, approve=False) for one in said])


@given(st.lists(quorums, max_size=3), st.lists(groups, max_size=5))
def test_more_people_never_make_it_less_and_more_quorums_never_more(
    asked: list[tuple[Threshold, ...]], people: list[frozenset[str]]
) -> None:
    said = [Decision(str(n), True, "", 0.0, held) for n, held in enumerate(people)]

    assert enough(asked, said) == (bool(asked) and all(enough([one], said) for one in asked))
    assert not enough(asked, said[:-1]) or enough(asked, said)


# -- revocation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who", [an_approver("max"), an_approver("dana", groups=frozenset(), persons=frozenset({"dana"}))]
)
def test_an_approver_or_who_asked_takes_back_what_was_approved(who: Approver) -> None:
    approved = decided(an_approval(), an_approver())
    after = revoke(approved, who, "Wrong one.", AT + 1)

    assert (after.state, after.decisions[-1].who, after.decisions[-1].approve) == (S.REVOKED, who.name, False)


def test_a_stranger_takes_nothing_back_and_nobody_without_a_reason() -> None:
    approved = decided(an_approval(), an_approver())
    for who, reason, code in (
        (an_approver("eve", "staff"), "r", "approver-group"),
        (an_approver("max"), " ", "reason-missing"),
    ):
        with pytest.raises(Refused, match=code):
            revoke(approved, who, reason, AT)


# -- emergencies -------------------------------------------------------------------------------------------------------

GLASSED = some_terms("leads", need=2, break_glass=frozenset({"oncall"}))


def test_one_of_the_named_group_breaks_the_glass_for_a_short_time() -> None:
    after = decided(an_approval(terms=GLASSED), an_approver("max", "oncall"), break_glass=True)

    assert (after.state, after.use_by, after.broken_glass) == (S.APPROVED, AT + GLASS, True)
    assert GLASSED.use_within > GLASS


@pytest.mark.parametrize(
    ("approver", "given", "code"),
    [
        (an_approver("lee", "leads"), {}, "break-glass-group"),
        (an_approver("max", "oncall"), {"reason": " "}, "reason-missing"),
        (an_approver("max", "oncall"), {"approve": False}, "break-glass-group"),
        (an_approver("max", "oncall", persons=frozenset({"dana"})), {}, "approver-is-requester"),
        (an_approver("max", "oncall", authenticated_at=0.0), {}, "approver-stale"),
    ],
    ids=["not-of-the-group", "no-reason", "no-denial", "own", "stale"],
)
def test_glass_is_no_way_around_the_rest(approver: Approver, given: dict[str, Any], code: str) -> None:
    assert refusal(an_approval(terms=GLASSED), approver, break_glass=True, **given) == code


def test_where_no_group_is_named_there_is_no_glass() -> None:
    assert refusal(an_approval(), an_approver(), break_glass=True) == "break-glass-group"
    assert refusal(an_approval(terms=GLASSED), an_approver("max", "oncall")) == "approver-group"


def test_a_broken_glass_is_reviewed_once_by_somebody_else() -> None:
    broken = decided(an_approval(terms=GLASSED), an_approver("max", "oncall", "leads"), break_glass=True)
    for who, code in (
        (an_approver("max", "leads"), "approver-is-requester"),
        (an_approver("dana", persons=frozenset({"dana"})), "approver-is-requester"),
        (an_approver("eve", "staff"), "approver-group"),
    ):
        with pytest.raises(Refused, match=code):
            review(broken, who, "r", AT, max_age=900.0)
    after = review(broken, an_approver("lee"), "It was right.", AT, max_age=900.0)

    assert (after.state, after.review and after.review.who) == (S.APPROVED, "lee@example.com")
    with pytest.raises(Refused, match="review-none"):
        review(after, an_approver("kim"), "r", AT, max_age=900.0)
    with pytest.raises(Refused, match="review-none"):
        review(decided(an_approval(), an_approver()), an_approver("kim"), "r", AT, max_age=900.0)


def test_a_grant_is_good_for_as_long_as_it_asked() -> None:
    grant = an_approval(kind=Kind.GRANT, limits=Limits(10, 1000, 300.0))

    assert decided(grant, an_approver()).use_by == AT + 300
