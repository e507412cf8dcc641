"""The token-exchange request, and what stands for a session."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import Malformed
from weighlock.identity import sessions
from weighlock.identity.sessions import GRANT, RANDOM, Session

FORM = "application/x-www-form-urlencoded"
GOOD = {
    "grant_type": GRANT,
    "subject_token": "a.b.c",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
}


@pytest.mark.parametrize("kind", ["id_token", "jwt", "access_token"])
def test_the_subject_token_is_read(kind: str) -> None:
    form = GOOD | {"subject_token_type": f"urn:ietf:params:oauth:token-type:{kind}", "audience": "ignored"}

    assert sessions.subject_token(f"{FORM}; charset=utf-8", urlencode(form).encode()) == "a.b.c"


@pytest.mark.parametrize("missing", GOOD)
def test_a_request_that_lacks_a_parameter_is_refused(missing: str) -> None:
    with pytest.raises(Malformed, match="token-exchange"):
        sessions.subject_token(FORM, urlencode({n: v for n, v in GOOD.items() if n != missing}).encode())


@pytest.mark.parametrize("twice", GOOD)
def test_a_parameter_stands_once(twice: str) -> None:
    with pytest.raises(Malformed, match="twice"):
        sessions.subject_token(FORM, urlencode([*GOOD.items(), (twice, GOOD[twice])]).encode())


@given(st.binary(max_size=80), st.sampled_from([FORM, "application/json", "", "text/plain"]))
def test_any_other_body_is_refused_and_nothing_else_is_raised(body: bytes, content_type: str) -> None:
    with pytest.raises(Malformed):
        sessions.subject_token(content_type, body)


@given(st.binary(min_size=RANDOM, max_size=RANDOM))
def test_a_handle_has_the_shape_by_which_it_is_known(random: bytes) -> None:
    handle = sessions.handle(random)

    assert sessions.is_handle(handle)
    assert not sessions.is_handle(handle[:-1])
    assert not sessions.is_handle(handle + "A")
    assert handle not in sessions.digest(handle)


def test_a_token_is_one_by_its_jti_within_its_issuer_else_by_itself() -> None:
    once = sessions.once

    assert once("i", {"jti": "1"}, "t1") == once("i", {"jti": "1"}, "t2")
    assert once("i", {"jti": "1"}, "t1") != once("j", {"jti": "1"}, "t1")
    assert once("i", {}, "t1") == once("j", {"jti": ""}, "t1")
    assert once("i", {}, "t1") != once("i", {}, "t2")


def test_the_answer_is_of_rfc_8693_and_a_session_shows_no_claims() -> None:
    session = a_session(claims={"email": "dana@example.com"})

    assert sessions.answer("wls_x", session) == {
        "access_token": "wls_x",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 90,
        "session": "5e55",
    }
    assert "dana" not in repr(session)


def a_session(**given: Any) -> Session:
    defaults: dict[str, Any] = {
        "id": "5e55",
        "digest": "d",
        "workload": "nightly",
        "issuer": "i",
        "claims": {},
        "token_id": "t",
        "opened_at": 10.0,
        "expires_at": 100.0,
    }
    return Session(**defaults | given)
