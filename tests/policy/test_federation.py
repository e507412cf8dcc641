from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.destination import Credential
from weighlock.policy.credentials import Unusable
from weighlock.policy.federation import call_headers, granted, request

TOKEN = "oat-" + "a1B2c3D4" * 8
SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnYXRld2F5In0.c2lnbmF0dXJl"
OPENAI = Credential(
    "file", ("/t",), 0.0, "openai", "https://auth.openai.com/oauth/token", (("identity_provider_id", "idp_1"),)
)
ANTHROPIC = Credential(
    "file", ("/t",), 0.0, "anthropic", "https://api.anthropic.com/v1/oauth/token", (("organization_id", "0a"),)
)


def answer(**members: Any) -> bytes:
    whole = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600} | members
    return json.dumps({name: value for name, value in whole.items() if value != "absent"}).encode()


def test_openai_gets_a_token_exchange() -> None:
    asked = request(OPENAI, SUBJECT)

    assert asked.url == OPENAI.endpoint
    assert dict(asked.headers) == {"content-type": "application/json", "accept": "application/json"}
    assert json.loads(asked.body) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": SUBJECT,
        "identity_provider_id": "idp_1",
    }
    assert call_headers(OPENAI) == ()


def test_anthropic_gets_a_jwt_bearer_grant() -> None:
    asked = request(ANTHROPIC, SUBJECT)

    assert asked.url == ANTHROPIC.endpoint
    assert dict(asked.headers)["anthropic-beta"] == "oauth-2025-04-20,oidc-federation-2026-04-01"
    assert json.loads(asked.body) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": SUBJECT,
        "organization_id": "0a",
    }
    assert call_headers(ANTHROPIC) == (("anthropic-beta", "oauth-2025-04-20"),)


def test_a_key_that_is_not_federated_brings_nothing_along() -> None:
    assert call_headers(Credential("env", ("KEY",))) == ()


@pytest.mark.parametrize("life", [1, 60, 3600, 86400, 59.5])
@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_with_a_life_is_granted(life: float, kind: str) -> None:
    found = granted(200, answer(expires_in=life, token_type=kind, issued_token_type="x", scope="api"))

    assert (found.token, found.life) == (TOKEN, life)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        f'"{TOKEN}"'.encode(),
        TOKEN.encode(),
        b"\xff" + TOKEN.encode(),
        answer()[:-1],
        answer() + b"x",
        answer()[:-1] + f', "access_token": "{TOKEN}2"}}'.encode(),
        b"[" * 100_000,
        answer(access_token="absent"),
        answer(access_token=None),
        answer(access_token=""),
        answer(access_token=5),
        answer(access_token=[TOKEN]),
        answer(access_token=f"{TOKEN} {TOKEN}"),
        answer(access_token=f"{TOKEN}\r\nx-evil: 1"),
        answer(access_token=f"{TOKEN}\u00e9"),
        answer(access_token=TOKEN * 1000),
        answer(token_type="absent"),
        answer(token_type="mac"),
        answer(token_type="N_A"),
        answer(token_type=1),
        answer(expires_in="absent"),
        answer(expires_in=None),
        answer(expires_in="3600"),
        answer(expires_in=True),
        answer(expires_in=0),
        answer(expires_in=-1),
        answer(expires_in=0.5),
        answer(expires_in=86401),
        answer(expires_in=10**400),
        answer()[:-1] + b', "a": NaN}',
        answer().replace(b"3600", b"1e999"),
        answer().replace(b"3600", b"Infinity"),
    ],
)
def test_any_other_answer_grants_nothing_and_is_not_quoted(body: bytes) -> None:
    with pytest.raises(Unusable) as caught:
        granted(200, body)

    assert TOKEN not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 403, 429, 500, 503])
def test_any_other_status_grants_nothing(status: int) -> None:
    with pytest.raises(Unusable, match=f"status {status}$"):
        granted(status, answer())


def test_an_error_of_the_standard_is_told_and_no_other_word_is() -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": f"bad {SUBJECT}"}).encode()
    with pytest.raises(Unusable) as caught:
        granted(400, body)
    assert str(caught.value) == "the token endpoint answered with status 400 (invalid_grant)"

    for odd in (SUBJECT, ["invalid_grant"], {"message": SUBJECT}, None, 5):
        with pytest.raises(Unusable, match=r"status 400$"):
            granted(400, json.dumps({"error": odd}).encode())


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_is_quoted_or_raises_anything_else(status: int, body: bytes) -> None:
    with pytest.raises(Unusable) as caught:
        granted(status, b"sEcReT" + body)

    assert "sEcReT" not in str(caught.value)


def test_no_token_shows() -> None:
    assert TOKEN not in repr(granted(200, answer()))
    assert SUBJECT not in repr(request(OPENAI, SUBJECT))
