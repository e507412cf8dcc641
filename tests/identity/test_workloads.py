from __future__ import annotations

import datetime
from typing import Any

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError, Forbidden
from weighlock.identity.workloads import Workload, match, parse

URL = "https://issuer.example"
TODAY = datetime.date(2027, 1, 31)
GOOD = """\
workloads:
  - id: nightly
    owner: dana@example.com
    issuer: https://issuer.example
    claims: {repository_id: 1234, event_name: schedule}
    ends: 2027-01-31
"""


def a_workload(id: str = "nightly", ends: datetime.date | None = None, **claims: str) -> Workload:
    return Workload(id, "dana@example.com", URL, claims or {"repository_id": "1234"}, ends)


def refusal(workloads: list[Workload], claims: dict[str, Any], issuer: str = URL, today: datetime.date = TODAY) -> str:
    with pytest.raises(Forbidden) as caught:
        match(workloads, issuer, claims, today)
    assert caught.value.next_step
    return caught.value.code


def test_a_file_is_read_as_it_stands() -> None:
    assert parse(rulefile.parse(GOOD, "w.yaml")) == (
        Workload("nightly", "dana@example.com", URL, {"repository_id": "1234", "event_name": "schedule"}, TODAY),
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("id: nightly", "id: Nightly", "2:9", "lower-case"),
        ("id: nightly", "id: ''", "2:9", "lower-case"),
        ("owner: dana@example.com", "owner: ''", "3:12", "text"),
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
        parse(rulefile.parse(GOOD.replace(old, new), "w.yaml"))

    assert caught.value.where == f"w.yaml:{place}"
    assert words in caught.value.message


def test_an_id_stands_once() -> None:
    with pytest.raises(ConfigError, match="exists already"):
        parse(rulefile.parse(GOOD + GOOD.partition("\n")[2], "w.yaml"))


@pytest.mark.parametrize("value", ["1234", 1234])
def test_a_claim_matches_as_number_and_as_text(value: object) -> None:
    assert match([a_workload()], URL, {"repository_id": value, "more": 1}, TODAY).id == "nightly"


@pytest.mark.parametrize("value", ["12345", "", None, True, 1234.0, ["1234"], {"1234": 1}, "1234 "])
def test_another_value_matches_nothing(value: object) -> None:
    assert refusal([a_workload()], {"repository_id": value}) == "workload-unknown"


def test_a_missing_claim_matches_nothing_not_even_the_text_none() -> None:
    assert refusal([a_workload()], {}) == "workload-unknown"
    assert refusal([a_workload(repository_id="None")], {}) == "workload-unknown"
    assert refusal([a_workload(repository_id="True")], {"repository_id": True}) == "workload-unknown"


def test_every_claim_must_match() -> None:
    both = a_workload(repository_id="1234", event_name="schedule")

    assert match([both], URL, {"repository_id": "1234", "event_name": "schedule"}, TODAY) is both
    assert refusal([both], {"repository_id": "1234", "event_name": "pull_request"}) == "workload-unknown"


def test_another_issuer_with_the_same_claims_matches_nothing() -> None:
    assert refusal([a_workload()], {"repository_id": "1234"}, issuer=URL + "/") == "workload-unknown"


def test_two_workloads_for_one_token_are_none() -> None:
    two = [a_workload(), a_workload("other")]

    assert refusal(two, {"repository_id": "1234"}) == "workload-ambiguous"


def test_the_last_day_is_included_and_the_next_is_not() -> None:
    ending = [a_workload(ends=TODAY)]

    assert match(ending, URL, {"repository_id": "1234"}, TODAY).id == "nightly"
    assert refusal(ending, {"repository_id": "1234"}, today=TODAY + datetime.timedelta(1)) == "workload-ended"
