from __future__ import annotations

import itertools
from typing import Any

import pytest

from weighlock.approval.lifecycle import Approver, Event, decide, move
from weighlock.errors import Forbidden
from weighlock.model import Approval, ApprovalState

S, E = ApprovalState, Event
MOVES = {
    (S.PENDING, E.APPROVE): S.APPROVED,
    (S.PENDING, E.DENY): S.DENIED,
    (S.PENDING, E.EXPIRE): S.EXPIRED,
    (S.PENDING, E.CANCEL): S.CANCELLED,
    (S.APPROVED, E.CONSUME): S.CONSUMED,
    (S.APPROVED, E.EXPIRE): S.EXPIRED,
    (S.APPROVED, E.CANCEL): S.CANCELLED,
}


def an_approval(state: ApprovalState = S.PENDING, **given: Any) -> Approval:
    defaults: dict[str, Any] = {
        "id": "ab12",
        "binding": "b",
        "workload": "nightly",
        "owner": "dana@example.com",
        "subject": "repo:acme/nightly",
        "approvers": frozenset({"leads", "legal"}),
        "because": ("large",),
        "persons": frozenset({"dana"}),
        "requested_at": 100.0,
        "expires_at": 200.0,
    }
    return Approval(**defaults | given, state=state)


def an_approver(**given: Any) -> Approver:
    defaults: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "subject": "u-7",
        "email": "lee@example.com",
        "groups": frozenset({"leads"}),
    }
    return Approver(**defaults | given)


def refusal(approval: Approval, approver: Approver, approve: bool, reason: str = "r", now: float = 150.0) -> str:
    with pytest.raises(Forbidden) as caught:
        decide(approval, approver, approve, reason, now)
    return caught.value.code


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ApprovalState, Event)))
def test_every_pair_of_state_and_event_moves_as_told_or_is_refused(state: ApprovalState, event: Event) -> None:
    approval = an_approval(state)
    if (state, event) in MOVES:
        assert move(approval, event) == an_approval(MOVES[state, event])
    else:
        with pytest.raises(Forbidden) as caught:
            move(approval, event)
        assert caught.value.code == "approval-settled"


@pytest.mark.parametrize(("approve", "state"), [(True, S.APPROVED), (False, S.DENIED)])
def test_a_member_of_a_group_decides(approve: bool, state: ApprovalState) -> None:
    assert decide(an_approval(), an_approver(), approve, " Fine. ", 150.0) == an_approval(
        state, decided_by="lee@example.com", decided_at=150.0, reason="Fine."
    )


def test_an_approver_without_email_goes_by_subject() -> None:
    assert decide(an_approval(), an_approver(email=""), True, "", 150.0).decided_by == "u-7"


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("state", [state for state in ApprovalState if state is not S.PENDING])
def test_what_is_settled_is_not_decided_again(state: ApprovalState, approve: bool) -> None:
    assert refusal(an_approval(state), an_approver(), approve) == "approval-settled"


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"lead"}), frozenset({"LEADS"}), frozenset({""})])
@pytest.mark.parametrize("approve", [True, False])
def test_nobody_outside_the_groups_decides(groups: frozenset[str], approve: bool) -> None:
    assert refusal(an_approval(), an_approver(groups=groups), approve) == "approver-group"


def test_where_no_group_may_lift_the_hold_nobody_can() -> None:
    assert refusal(an_approval(approvers=frozenset()), an_approver(), True) == "approver-group"


@pytest.mark.parametrize(
    "who",
    [
        {"email": "dana@example.com"},
        {"email": "DANA@Example.com"},
        {"subject": "dana@example.com", "email": ""},
        {"subject": "repo:acme/nightly"},
        {"subject": "REPO:acme/nightly", "email": ""},
        {"email": "repo:acme/nightly"},
    ],
)
def test_nobody_approves_their_own_request_and_anybody_may_deny_it(who: dict[str, str]) -> None:
    assert refusal(an_approval(), an_approver(**who), True) == "approver-is-requester"
    assert decide(an_approval(), an_approver(**who), False, "No.", 150.0).state is S.DENIED


def test_an_approver_without_email_is_not_the_owner_without_one() -> None:
    assert decide(an_approval(owner=""), an_approver(email=""), True, "", 150.0).state is S.APPROVED


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_denial_says_why(reason: str) -> None:
    assert refusal(an_approval(), an_approver(), False, reason) == "reason-missing"
    assert decide(an_approval(), an_approver(), True, reason, 150.0).reason == ""


@pytest.mark.parametrize("approve", [True, False])
def test_the_last_moment_is_too_late(approve: bool) -> None:
    assert refusal(an_approval(), an_approver(), approve, now=200.0) == "approval-expired"
    assert decide(an_approval(), an_approver(), approve, "r", 199.9).decided_at == 199.9
