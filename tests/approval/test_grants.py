from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from held import NOW, a_request, an_approver, some_terms
from weighlock.approval import grants
from weighlock.approval.grants import BYTES, REQUESTS, SECONDS, Wanted, pending, used
from weighlock.approval.lifecycle import decide
from weighlock.errors import Forbidden, Malformed
from weighlock.holds import Approval, ApprovalState, Limits, Terms, Threshold

S = ApprovalState
LIMITS = Limits(3, 1000, 600.0)


def a_grant(terms: Terms | None = None, **given: Any) -> Approval:
    defaults: dict[str, Any] = {"workload": "nightly", "statements": ("large", "other"), "destination": "model"}
    wanted = Wanted(**defaults | {"model": "small", "limits": LIMITS} | given)
    return pending(wanted, terms or some_terms(), "dana", ["dana@example.com"], "lee", "Month's end.", "ab12", NOW)


def approved(grant: Approval, *names: str) -> Approval:
    for name in names or ("lee", "max"):
        grant = decide(grant, an_approver(name), True, "", NOW, max_age=900.0)
    return grant


@pytest.mark.parametrize(
    ("terms", "need"),
    [
        (some_terms(), 2),
        (some_terms(need=3), 3),
        (Terms(((Threshold(frozenset({"leads"})), Threshold(frozenset({"leads", "legal"}))),)), 2),
        (Terms((*some_terms().quorums, *some_terms("legal").quorums)), 2),
    ],
    ids=["one", "three", "two-groups", "two-statements"],
)
def test_it_takes_two_people_at_least_and_no_glass(terms: Terms, need: int) -> None:
    grant = a_grant(replace(terms, break_glass=frozenset({"oncall"})))

    assert (grant.state, grant.terms.need, grant.terms.break_glass) == (S.PENDING, need, frozenset())
    assert approved(a_grant(some_terms()), "lee").state is S.PENDING


def test_its_owner_does_not_approve_it() -> None:
    for owner in (an_approver("dana"), an_approver("x", persons=frozenset({"dana"}))):
        with pytest.raises(Forbidden, match="approver-is-requester"):
            decide(a_grant(), owner, True, "", NOW, max_age=900.0)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(0, 1, 1.0),
        Limits(1, 0, 1.0),
        Limits(1, 1, 0.0),
        Limits(REQUESTS + 1, 1, 1.0),
        Limits(1, BYTES + 1, 1.0),
        Limits(1, 1, SECONDS + 1),
    ],
    ids=["no-requests", "no-bytes", "no-time", "requests", "bytes", "time"],
)
def test_it_is_for_something_and_not_for_too_much(limits: Limits) -> None:
    with pytest.raises(Malformed, match="grant-limits"):
        a_grant(limits=limits)
    assert a_grant(limits=Limits(REQUESTS, BYTES, SECONDS)).limits


@pytest.mark.parametrize("model", ["*", "a b", "small\n", "-x", "x" * 101])
def test_it_is_for_one_model(model: str) -> None:
    with pytest.raises(Malformed, match="grant-model"):
        a_grant(model=model)
    assert a_grant(model="").model == ""


OTHERS: dict[str, dict[str, Any]] = {
    "another workload": {"workload": "weekly"},
    "another model": {"model": "large"},
    "withheld": {"model": "*"},
    "no model": {"model": ""},
    "another statement": {"because": ("new",)},
    "one statement more": {"because": ("large", "new")},
    "others are asked by now": {"terms": some_terms("legal")},
    "more are asked by now": {"terms": some_terms(need=3)},
    "an approver's own run": {"persons": frozenset({"dana", "lee"})},
    "by an approver's address": {"claims": {"user_email": "MAX@example.com"}},
}


@pytest.mark.parametrize("what", OTHERS)
def test_it_is_for_nothing_else(what: str) -> None:
    grant = decide(
        approved(a_grant(), "max"), an_approver("lee", persons=frozenset({"lee"})), True, "", NOW, max_age=900.0
    )
    assert used(grant, a_request(because=("large",)), 1, NOW).state is S.APPROVED

    with pytest.raises(Forbidden, match="grant-other"):
        used(grant, a_request(**{"because": ("large",)} | OTHERS[what]), 1, NOW)


def test_it_ends_with_its_time_and_is_nothing_before_it_is_approved() -> None:
    grant = approved(a_grant())
    assert grant.use_by == NOW + 600

    for refused, now in ((grant, NOW + 600), (approved(a_grant(), "lee"), NOW), (replace(grant, state=S.REVOKED), NOW)):
        with pytest.raises(Forbidden):
            used(refused, a_request(), 1, now)


@given(st.lists(st.integers(0, 600), max_size=8))
def test_no_more_goes_out_than_it_says(sizes: list[int]) -> None:
    grant, sent = approved(a_grant()), list[int]()
    for size in sizes:
        try:
            grant = used(grant, a_request(), size, NOW)
        except Forbidden:
            assert len(sent) == 3 or sum(sent) + size > 1000 or grant.state is S.CONSUMED
        else:
            sent.append(size)

    assert (len(sent) <= 3, sum(sent) <= 1000) == (True, True)
    assert grant.limits
    assert (grant.limits.used_requests, grant.limits.used_bytes) == (len(sent), sum(sent))
    assert (grant.state is S.CONSUMED) == (len(sent) == 3 or sum(sent) == 1000)
    assert grants.PEOPLE == 2
