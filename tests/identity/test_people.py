from __future__ import annotations

import datetime

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.identity.people import Account, Person, behind, find, parse

URL = "https://issuer.example"
GOOD = """\
people:
  - id: dana
    emails: [Dana@example.com, d@example.org]
    accounts:
      - issuer: https://issuer.example
        claims: {actor_id: 1047, /nested/id: "5"}
    departed: 2027-01-31
  - id: kim
    emails: []
"""
DANA = Person(
    "dana",
    ("Dana@example.com", "d@example.org"),
    (Account(URL, "actor_id", "1047"), Account(URL, "/nested/id", "5")),
    datetime.date(2027, 1, 31),
)
KIM = Person("kim", ())


def parsed(text: str) -> tuple[Person, ...]:
    return parse(rulefile.parse(text, "p.yaml"))


def test_a_file_is_read_as_it_stands() -> None:
    assert parsed(GOOD) == (DANA, KIM)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("id: kim", "id: dana", "8:5", "'dana' stands here twice"),
        ("emails: []", "emails: [D@example.org]", "8:5", "'d@example.org' stands here twice"),
        ("d@example.org", "dana@EXAMPLE.com", "2:5", "stands here twice"),
        ("emails: []", "emails: [kim]", "9:14", "an e-mail address"),
        ("id: dana", "id: Dana", "2:9", "lower-case"),
        ("2027-01-31", "soon", "7:15", "a date"),
        ("claims:", "claim:", "6:16", "did you mean 'claims'"),
        ("    emails: []\n", "", "8:5", "'emails' is missing"),
    ],
)
def test_a_broken_file_is_told_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parsed(GOOD.replace(old, new))

    assert caught.value.where == f"p.yaml:{place}"
    assert words in caught.value.message


def test_an_account_is_one_persons() -> None:
    with pytest.raises(ConfigError, match="'actor_id' stands here twice"):
        parsed(GOOD + f"    accounts: [{{issuer: {URL}, claims: {{actor_id: 1047}}}}]\n")

    other = parsed(GOOD + f"    accounts: [{{issuer: {URL}/other, claims: {{actor_id: 1047}}}}]\n")
    assert behind(other, URL, {"actor_id": 1047}) == (DANA,)


@pytest.mark.parametrize("name", ["dana", "DANA", "dana@example.com", " D@EXAMPLE.ORG "])
def test_a_person_is_found_by_id_and_email_in_any_case(name: str) -> None:
    assert find((KIM, DANA), name) is DANA


@pytest.mark.parametrize("name", ["", "dan", "dana@example.co", "1047"])
def test_nobody_else_is(name: str) -> None:
    assert find((KIM, DANA), name) is None


@pytest.mark.parametrize(
    ("claims", "known"),
    [
        ({"actor_id": "1047"}, True),
        ({"actor_id": 1047}, True),
        ({"nested": {"id": 5}}, True),
        ({"actor_id": "1048"}, False),
        ({"actor_id": ["1047"]}, False),
        ({"actor_id": True}, False),
        ({}, False),
    ],
)
def test_who_is_behind_a_token_is_told_by_its_accounts(claims: dict[str, object], known: bool) -> None:
    assert behind((KIM, DANA), URL, claims) == ((DANA,) if known else ())
    assert behind((KIM, DANA), URL + "/", claims) == ()


def test_all_that_a_person_is_known_by_is_named_for_a_cut_off() -> None:
    assert DANA.identifiers() == (
        ("person", "dana", ""),
        ("email", "Dana@example.com", ""),
        ("email", "d@example.org", ""),
        ("actor_id", "1047", URL),
        ("/nested/id", "5", URL),
    )
    assert KIM.identifiers() == (("person", "kim", ""),)


def test_somebody_is_gone_from_the_day_of_departure() -> None:
    day = datetime.date(2027, 1, 31)

    assert [DANA.gone(day - datetime.timedelta(1)), DANA.gone(day)] == [False, True]
    assert not KIM.gone(day)
