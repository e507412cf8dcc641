from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError, Forbidden
from weighlock.identity.people import Person
from weighlock.identity.workloads import Workload, check, check_destination, check_model, match, parse

URL = "https://issuer.example"
TODAY = datetime.date(2027, 1, 31)
GOOD = """\
workloads:
  - id: nightly
    owner: dana@example.com
    issuer: https://issuer.example
    claims: {repository_id: 1234, event_name: schedule}
    ends: 2027-01-31
    review: 2026-12-31
    destinations: [llm]
    models: [small, large]
    job: 90
"""
DANA = Person("dana", ("dana@example.com",))


def a_workload(id: str = "nightly", **claims: str) -> Workload:
    return Workload(id, DANA, URL, claims or {"repository_id": "1234"})


def parsed(text: str) -> tuple[Workload, ...]:
    return parse(rulefile.parse(text, "w.yaml"), (DANA,))


def refusal(workloads: list[Workload], claims: dict[str, Any], issuer: str = URL) -> str:
    return refused(match, workloads, issuer, claims)


def refused(what: Callable[..., object], *given: object) -> str:
    with pytest.raises(Forbidden) as caught:
        what(*given)
    assert caught.value.next_step
    return caught.value.code


def test_a_file_is_read_as_it_stands() -> None:
    assert parsed(GOOD) == (
        Workload(
            id="nightly",
            owner=DANA,
            issuer=URL,
            claims={"repository_id": "1234", "event_name": "schedule"},
            ends=TODAY,
            review=datetime.date(2026, 12, 31),
            destinations=frozenset({"llm"}),
            models=frozenset({"small", "large"}),
            job=5400.0,
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("id: nightly", "id: Nightly", "2:9", "lower-case"),
        ("id: nightly", "id: ''", "2:9", "lower-case"),
        ("owner: dana@example.com", "owner: ''", "3:12", "text"),
        ("owner: dana@example.com", "owner: kim@example.com", "3:12", "nobody in identity/people.yaml"),
        ("    ends: 2027-01-31\n    review: 2026-12-31\n", "", "2:5", "next `review`"),
        ("[llm]", "[]", "8:19", "empty list"),
        ("job: 90", "job: 0", "10:10", "between 1 and 360"),
        ("job: 90", "job: 361", "10:10", "between 1 and 360"),
        ("    owner: dana@example.com\n", "", "2:5", "'owner' is missing"),
        ("issuer:", "isuer:", "4:12", "did you mean 'issuer'"),
        ("{repository_id: 1234, event_name: schedule}", "{}", "5:13", "at least one claim"),
        ("{repository_id: 1234, event_name: schedule}", "[a]", "5:13", "expected a mapping"),
        ("repository_id: 1234", "repository_id: [1, 2]", "5:29", "expected text"),
        ("repository_id: 1234", "repository_id: null", "5:29", "expected text"),
        ("2027-01-31", "2027-02-30", "6:11", "a date"),
        ("2027-01-31", "never", "6:11", "a date"),
        ("workloads:", "workload:", "2:3", "did you mean 'workloads'"),
    ],
)
def test_a_broken_file_is_told_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parsed(GOOD.replace(old, new))

    assert caught.value.where == f"w.yaml:{place}"
    assert words in caught.value.message


def test_an_id_stands_once() -> None:
    with pytest.raises(ConfigError, match="exists already"):
        parsed(GOOD + GOOD.partition("\n")[2])


@pytest.mark.parametrize("value", ["1234", 1234])
def test_a_claim_matches_as_number_and_as_text(value: object) -> None:
    assert match([a_workload()], URL, {"repository_id": value, "more": 1}).id == "nightly"


@pytest.mark.parametrize("value", ["12345", "", None, True, 1234.0, ["1234"], {"1234": 1}, "1234 "])
def test_another_value_matches_nothing(value: object) -> None:
    assert refusal([a_workload()], {"repository_id": value}) == "workload-unknown"


def test_a_missing_claim_matches_nothing_not_even_the_text_none() -> None:
    assert refusal([a_workload()], {}) == "workload-unknown"
    assert refusal([a_workload(repository_id="None")], {}) == "workload-unknown"
    assert refusal([a_workload(repository_id="True")], {"repository_id": True}) == "workload-unknown"


def test_every_claim_must_match() -> None:
    both = a_workload(repository_id="1234", event_name="schedule")

    assert match([both], URL, {"repository_id": "1234", "event_name": "schedule"}) is both
    assert refusal([both], {"repository_id": "1234", "event_name": "pull_request"}) == "workload-unknown"


def test_another_issuer_with_the_same_claims_matches_nothing() -> None:
    assert refusal([a_workload()], {"repository_id": "1234"}, issuer=URL + "/") == "workload-unknown"


def test_two_workloads_for_one_token_are_none() -> None:
    two = [a_workload(), a_workload("other")]

    assert refusal(two, {"repository_id": "1234"}) == "workload-ambiguous"


@pytest.mark.parametrize(("day", "code"), [("ends", "workload-ended"), ("review", "workload-unreviewed")])
def test_the_last_day_is_included_and_the_next_is_not(day: str, code: str) -> None:
    ending = replace(a_workload(), **{day: TODAY})

    check(ending, TODAY)
    assert refused(check, ending, TODAY + datetime.timedelta(1)) == code


def test_a_workload_is_orphaned_from_the_day_on_which_its_owner_departs() -> None:
    orphaned = replace(a_workload(), owner=replace(DANA, departed=TODAY))

    check(orphaned, TODAY - datetime.timedelta(1))
    assert refused(check, orphaned, TODAY) == "workload-orphaned"


def test_a_workload_calls_where_it_is_registered_for_or_anywhere_where_nothing_is_said() -> None:
    narrow = replace(a_workload(), destinations=frozenset({"llm"}), models=frozenset({"small"}))

    check_destination(narrow, "llm")
    check_model(narrow, "small")
    check_destination(a_workload(), "any")
    check_model(a_workload(), "")
    assert refused(check_destination, narrow, "other") == "workload-destination"
    assert [refused(check_model, narrow, name) for name in ("", "Small", "small-2")] == ["workload-model"] * 3


def test_nested_claims_are_named_by_a_pointer() -> None:
    nested = a_workload(**{"/kubernetes.io/serviceaccount/uid": "u-1"})

    assert match([nested], URL, {"kubernetes.io": {"serviceaccount": {"uid": "u-1"}}}) is nested
    for claims in ({}, {"kubernetes.io": "u-1"}, {"kubernetes.io": {"serviceaccount": ["u-1"]}}):
        assert refusal([nested], claims) == "workload-unknown"
    assert match([a_workload(**{"oidc.example/project-id": "p"})], URL, {"oidc.example/project-id": "p"})
