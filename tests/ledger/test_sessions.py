from __future__ import annotations

import pytest

from builders import a_principal
from ledgers import an_exchange
from weighlock.ledger import entry
from weighlock.ledger.sessions import graver, session_of, words


def body(**principal: object) -> dict[str, object]:
    return entry.request_body(an_exchange(principal=a_principal(**principal)))


def test_a_session_that_was_opened_is_the_session() -> None:
    assert session_of(body(session="s1", claims={"run_id": "7"})) == "s1"


@pytest.mark.parametrize(
    ("claims", "session"),
    [
        ({"run_id": "7"}, "nightly/run-7"),
        ({"pipeline_id": 12, "job_id": "3"}, "nightly/run-12"),
        ({"job_id": "3"}, "nightly/run-3"),
        ({"run_id": True}, "nightly/token-0000000000000000"),
        ({}, "nightly/token-0000000000000000"),
    ],
    ids=["github", "gitlab", "a job", "no name", "one token"],
)
def test_a_run_of_ci_is_a_session_over_all_its_tokens(claims: dict[str, object], session: str) -> None:
    assert session_of(body(claims=claims)) == session


def test_who_is_not_known_has_no_session() -> None:
    assert session_of(entry.request_body(an_exchange(principal=None))) == ""


def test_the_graver_of_two_outcomes_is_said() -> None:
    assert graver("mask", "allow") == "mask"
    assert graver("", "allow") == "allow"
    assert graver("hold", "refused") == "refused"


def test_words_are_looked_for_and_digests_are_not() -> None:
    said = {
        "who": {"owner": "dana"},
        "policy": "d" * 64,
        "entities": {"EMAIL": 2},
        "because": ["bulk"],
        "files": {"a": "b"},
    }

    assert list(words(said)) == ["dana", "EMAIL", "bulk"]
