from __future__ import annotations

import pytest

from builders import a_principal
from ledgers import an_exchange
from weighlock.ledger import entry
from weighlock.ledger.sessions import conversation_of, graver, session_of, words


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


def test_a_conversation_is_known_by_its_session_and_what_it_began_with_to_who_has_the_key() -> None:
    said = body(session="s1")
    (one,) = conversation_of(said, ("hi", "there"), b"k" * 32).values()

    assert conversation_of(body(session="s1"), ("hi", "there"), b"k" * 32) == {"conversation": one}
    assert len(one) == 16
    others = [
        conversation_of(body(session="s2"), ("hi", "there"), b"k" * 32),
        conversation_of(said, ("hi", "there"), b"o" * 32),
        conversation_of(said, ("hi",), b"k" * 32),
        conversation_of(said, ("hithere",), b"k" * 32),
    ]
    assert len({one, *(other["conversation"] for other in others)}) == 5
    assert conversation_of(said, (), b"k" * 32) == {}


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
