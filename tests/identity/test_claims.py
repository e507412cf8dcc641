from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwts import an_issuer
from weighlock.claims import text as text_of
from weighlock.claims import value as value_of
from weighlock.identity import claims
from weighlock.identity.presets import ANY

CLAIMS: dict[str, Any] = {
    "sub": "me",
    "id": 7,
    "flag": True,
    "off": False,
    "ratio": 1.5,
    "none": None,
    "oidc.circleci.com/project-id": "p",
    "kubernetes.io": {"serviceaccount": {"uid": "u"}, "a/b": {"~": "odd"}, "": "blank"},
    "list": ["zero", {"x": 1}],
    "/slash": "literal",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub", "me"),
        ("oidc.circleci.com/project-id", "p"),
        ("/kubernetes.io/serviceaccount/uid", "u"),
        ("/kubernetes.io/a~1b/~0", "odd"),
        ("/kubernetes.io/", "blank"),
        ("/list/0", "zero"),
        ("/list/1/x", 1),
        ("/~1slash", "literal"),
        ("/slash", None),
        ("/list/2", None),
        ("/list/-", None),
        ("/list/00", None),
        ("/list/-1", None),
        ("/list/0/0", None),
        ("/sub/0", None),
        ("/none/x", None),
        ("kubernetes.io/serviceaccount/uid", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_name_is_literal_or_a_json_pointer(name: str, value: Any) -> None:
    assert value_of(CLAIMS, name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sub", "me"),
        ("id", "7"),
        ("flag", "true"),
        ("off", "false"),
        ("ratio", None),
        ("none", None),
        ("list", None),
        ("kubernetes.io", None),
        ("absent", None),
        ("/list/1/x", "1"),
    ],
)
def test_what_has_one_spelling_is_compared_as_text(name: str, text: str | None) -> None:
    assert text_of(CLAIMS, name) == text


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)),
    st.text(alphabet="/~01ab-"),
)
def test_no_name_and_no_claims_make_it_raise(held: Any, name: str) -> None:
    found = text_of({"a": held, "b": [held]}, name)
    assert found is None or isinstance(found, str)


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_every_nested_claim_has_a_pointer(path: list[str], value: str) -> None:
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)

    assert value_of(nested, pointer) == value


DERIVING = an_issuer(derived={"sub/user": ("sub", "org/[^/]+/user/([0-9]+)(?:/.*)?")})


@pytest.mark.parametrize(
    ("given", "user"),
    [
        ({"sub": "org/o/user/12"}, "12"),
        ({"sub": "org/o/user/12/vcs/user/13"}, "12"),
        ({"sub": "org/o/user/12x"}, None),
        ({"sub": "x/org/o/user/12"}, None),
        ({"sub": 12}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("forged", [{}, {"sub/user": "99"}])
def test_a_claim_inside_another_is_read_there_and_nowhere_else(
    given: dict[str, Any], user: str | None, forged: dict[str, str]
) -> None:
    found = claims.completed(DERIVING, forged | given)

    assert found.get("sub/user") == user
    assert {name: value for name, value in found.items() if name != "sub/user"} == given


def test_claims_stay_as_they_are_where_nothing_is_inside_them() -> None:
    assert claims.completed(an_issuer(), CLAIMS) is CLAIMS


RUNS = an_issuer(untrusted={"event": frozenset({"pull", "fork"}), "/run/origin": frozenset({ANY})})


@pytest.mark.parametrize(
    ("given", "named", "why"),
    [
        ({"event": "push"}, {}, ""),
        ({"event": "pull"}, {}, "event"),
        ({"event": "pull"}, {"event": "fork"}, "event"),
        ({"event": "pull"}, {"event": "pull"}, ""),
        ({"event": "Pull"}, {}, ""),
        ({}, {}, "event"),
        ({"event": None}, {"event": "None"}, "event"),
        ({"event": ["pull"]}, {"event": "pull"}, "event"),
        ({"event": "push", "run": {"origin": "x"}}, {}, "/run/origin"),
        ({"event": "push", "run": {"origin": "x"}}, {"/run/origin": "y"}, "/run/origin"),
        ({"event": "push", "run": {"origin": "x"}}, {"/run/origin": "x"}, ""),
        ({"event": "push", "run": {"origin": ["x"]}}, {"/run/origin": "x"}, "/run/origin"),
        ({"event": "push", "run": {"origin": None}}, {}, ""),
        ({"event": "pull", "run": {"origin": "x"}}, {"event": "pull"}, "/run/origin"),
    ],
)
def test_a_run_from_outside_is_taken_only_where_the_workload_names_just_it(
    given: dict[str, Any], named: dict[str, str], why: str
) -> None:
    assert claims.untrusted(RUNS, given, named) == why
    assert claims.untrusted(an_issuer(), given, named) == ""
