from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwts import AUDIENCE, NOW, URL, an_issuer
from weighlock.errors import Unidentified
from weighlock.identity import introspection
from weighlock.wire import jsontext

LEFT_OUT = object()


def an_answer(**given: Any) -> Any:
    """A good one but for what is *given*, read as the gateway reads it."""
    good: dict[str, Any] = {
        "active": True,
        "token_type": "Bearer",
        "iss": URL,
        "aud": AUDIENCE,
        "client_id": "nightly",
        "exp": int(NOW) + 300,
        "iat": int(NOW) - 10,
    }
    said = {name: value for name, value in (good | given).items() if value is not LEFT_OUT}
    return jsontext.parse(json.dumps(said).encode()).value


def code(answer: Any, **issuer: Any) -> str:
    try:
        introspection.verify(answer, an_issuer(**issuer), AUDIENCE, NOW)
    except Unidentified as refused:
        return refused.code
    return "good"


def test_the_claims_of_an_active_token_are_plain() -> None:
    claims = introspection.verify(an_answer(scope="invoke", n=1.5, nested={"n": [7]}), an_issuer(), AUDIENCE, NOW)

    assert claims == {
        "token_type": "Bearer",
        "iss": URL,
        "aud": AUDIENCE,
        "client_id": "nightly",
        "sub": "nightly",
        "exp": int(NOW) + 300,
        "iat": int(NOW) - 10,
        "scope": "invoke",
        "n": 1.5,
        "nested": {"n": [7]},
    }
    assert type(claims["exp"]) is int


@pytest.mark.parametrize(
    "given",
    [
        {"iss": LEFT_OUT},
        {"token_type": "bearer"},
        {"token_type": LEFT_OUT, "typ": "Bearer"},
        {"aud": [AUDIENCE]},
        {"sub": "alice", "client_id": LEFT_OUT},
        {"exp": NOW + 300.5, "iat": NOW - 10.25},
        {"sub": None},
    ],
)
def test_what_issuers_may_write_in_two_ways_is_taken_in_both(given: dict[str, Any]) -> None:
    claims = introspection.verify(an_answer(**given), an_issuer(), AUDIENCE, NOW)
    assert (claims["iss"], claims["sub"]) == (URL, given.get("sub") or "nightly")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"active": False}, "token-inactive"),
        ({"active": LEFT_OUT}, "token-inactive"),
        ({"active": "true"}, "token-inactive"),
        ({"active": 1}, "token-inactive"),
        ({"active": None}, "token-inactive"),
        ({"iss": URL + "/"}, "issuer-other"),
        ({"iss": None}, "issuer-other"),
        ({"iss": [URL]}, "issuer-other"),
        ({"token_type": LEFT_OUT}, "token-not-bearer"),
        ({"token_type": None}, "token-not-bearer"),
        ({"token_type": "DPoP"}, "token-not-bearer"),
        ({"token_type": "N_A"}, "token-not-bearer"),
        ({"token_type": LEFT_OUT, "typ": "Refresh"}, "token-not-bearer"),
        ({"token_type": "refresh_token", "typ": "Bearer"}, "token-not-bearer"),
        ({"token_type": ["Bearer"]}, "token-not-bearer"),
        ({"cnf": {"jkt": "x"}}, "token-bound"),
        ({"cnf": {}}, "token-bound"),
        ({"events": {}}, "token-is-event"),
        ({"client_id": LEFT_OUT}, "subject-missing"),
        ({"client_id": ""}, "subject-missing"),
        ({"sub": " "}, "subject-missing"),
        ({"sub": 7}, "subject-missing"),
        ({"aud": LEFT_OUT}, "audience-missing"),
        ({"aud": []}, "audience-missing"),
        ({"aud": "other"}, "audience-wrong"),
        ({"aud": [AUDIENCE, "other"]}, "audience-several"),
        ({"exp": LEFT_OUT}, "exp-missing"),
        ({"exp": None}, "exp-malformed"),
        ({"exp": str(int(NOW) + 300)}, "exp-malformed"),
        ({"exp": 0}, "exp-malformed"),
        ({"exp": int(NOW) - 30}, "token-expired"),
        ({"iat": LEFT_OUT}, "iat-missing"),
        ({"iat": True}, "iat-malformed"),
        ({"iat": int(NOW) + 31}, "iat-future"),
        ({"nbf": int(NOW) + 31}, "token-early"),
        ({"iat": int(NOW) - 3600}, "lifetime-too-long"),
        ({"jti": 5}, "jti-malformed"),
    ],
)
def test_each_way_in_which_an_answer_is_not_good_has_its_code(given: dict[str, Any], why: str) -> None:
    assert code(an_answer(**given)) == why


def test_the_issuer_s_own_terms_hold_for_opaque_tokens_too() -> None:
    assert code(an_answer(), required=("repository_id",)) == "claim-missing"
    assert code(an_answer(repository_id="7"), required=("repository_id",)) == "good"
    assert code(an_answer(ext={"id": "7"}), required=("/ext/id",)) == "good"
    assert code(an_answer(ext={"id": ""}), required=("/ext/id",)) == "claim-missing"
    assert code(an_answer(), max_lifetime=309.0) == "lifetime-too-long"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
NAMES = st.sampled_from("active token_type typ iss aud sub client_id exp iat nbf jti cnf events".split())


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_whatever_an_issuer_says_it_is_believed_or_refused(given: dict[str, Any]) -> None:
    answer = an_answer(**given)
    if code(answer) == "good":
        assert answer["active"] is True
        assert answer.get("iss", URL) == URL
        assert answer["aud"] in (AUDIENCE, [AUDIENCE])
        assert "cnf" not in answer


def test_a_token_is_recorded_as_its_hash() -> None:
    assert introspection.token_id("secret") == hashlib.sha256(b"secret").hexdigest()
