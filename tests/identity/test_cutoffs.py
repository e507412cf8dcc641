from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_principal
from weighlock.errors import Forbidden
from weighlock.identity.cutoffs import Cutoff, Cutoffs
from weighlock.model import Principal


def a_cutoff(claim: str, value: str, **given: Any) -> Cutoff:
    return Cutoff(id=7, claim=claim, value=value, reason="left", by="ops", added_at=1.0, **given)


WHO = a_principal(
    claims={
        "sub": "repo:acme/nightly",
        "actor_id": 99,
        "email": "Dana@Example.com",
        "groups": ["ci", "dev"],
        "iat": 100,
    }
    | {"workload": "claimed", "session": "claimed", "admin": True, "nested": {"id": 12}},
    session="5e55",
)


def is_cut(cutoff: Cutoff, who: Principal = WHO) -> bool:
    try:
        Cutoffs([a_cutoff("person", "nobody"), cutoff]).check(who)
    except Forbidden:
        return True
    return False


def test_a_key_is_cut_off_by_its_fingerprint_and_no_claim_of_a_token_is_one() -> None:
    cut = Cutoffs([a_cutoff("key", "53EEA7EA5E3146DC")])

    with pytest.raises(Forbidden, match="This key was cut off"):
        cut.check_key("53eea7ea5e3146dc")
    cut.check_key("53eea7ea5e3146dd")
    Cutoffs([a_cutoff("token", "53eea7ea5e3146dc")]).check_key("53eea7ea5e3146dc")
    cut.check(a_principal(claims={"key": "53eea7ea5e3146dc"}))


def test_a_refusal_names_the_cutoff_and_not_its_reason() -> None:
    with pytest.raises(Forbidden) as caught:
        Cutoffs([a_cutoff("person", "nobody"), a_cutoff("workload", "nightly")]).check(WHO)

    assert caught.value.code == "cut-off"
    assert "7" in caught.value.next_step
    assert "left" not in f"{caught.value} {caught.value.next_step}"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("workload", "nightly"),
        ("person", "DANA"),
        ("session", "5e55"),
        ("/nested/id", "12"),
        ("token", "0" * 64),
        ("sub", "repo:acme/nightly"),
        ("actor_id", "99"),
        ("email", "dana@example.com"),
        ("groups", "dev"),
    ],
)
def test_a_cutoff_of_a_principal_refuses_it(claim: str, value: str) -> None:
    assert is_cut(a_cutoff(claim, value))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("workload", "nightly2"),
        ("workload", "claimed"),
        ("owner", "dana"),
        ("actor_id", "9"),
        ("groups", "ops"),
        ("groups", "['ci', 'dev']"),
        ("missing", "None"),
        ("missing", ""),
        ("sub", "*"),
    ],
)
def test_a_cutoff_of_somebody_else_refuses_nobody(claim: str, value: str) -> None:
    assert not is_cut(a_cutoff(claim, value))


def test_a_cutoff_of_an_issuer_is_for_its_tokens_only() -> None:
    assert is_cut(a_cutoff("person", WHO.owner, issuer=WHO.issuer))
    assert not is_cut(a_cutoff("person", WHO.owner, issuer="https://other.example"))


@pytest.mark.parametrize(("before", "cut"), [(99.0, False), (100.0, False), (100.5, True), (None, True)])
def test_only_older_tokens_are_cut_off_where_a_time_is_given(before: float | None, cut: bool) -> None:
    assert is_cut(a_cutoff("person", WHO.owner, before=before)) is cut


def test_a_token_without_an_age_is_old() -> None:
    assert is_cut(a_cutoff("person", WHO.owner, before=1.0), a_principal(claims={}))


def test_nobody_is_cut_off_by_nothing() -> None:
    Cutoffs().check(WHO)
    with pytest.raises(Forbidden):
        Cutoffs([a_cutoff("workload", "nightly")]).check(WHO)


@given(
    st.lists(st.tuples(st.sampled_from(["person", "sub", "n"]), st.sampled_from(["a", "b", "1"])), max_size=8),
    st.fixed_dictionaries(
        {}, optional={"sub": st.sampled_from(["a", "B", "c"]), "n": st.sampled_from([1, "1", 2, None])}
    ),
    st.frozensets(st.sampled_from(["a", "b"])),
)
def test_many_cut_off_whom_one_of_them_cuts_off(
    pairs: list[tuple[str, str]], claims: dict[str, Any], persons: frozenset[str]
) -> None:
    who = a_principal(claims=claims, persons=persons)
    alone = any(is_cut(a_cutoff(claim, value), who) for claim, value in pairs)
    cutoffs = Cutoffs([a_cutoff(claim, value) for claim, value in pairs])

    assert len(cutoffs) == len(pairs)
    if alone:
        with pytest.raises(Forbidden):
            cutoffs.check(who)
    else:
        cutoffs.check(who)
