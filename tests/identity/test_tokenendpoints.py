from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.identity.statickeys import fingerprint
from weighlock.identity.tokenendpoints import TokenEndpoint, is_token_endpoint, redacted, search

SECRET = b"k" * 32
KEY = "sk-proj-" + "9f8E7d6C5b4A" * 4
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kifQ.c2lnbmF0dXJl"
REFRESH = "rt_9f8E7d6C5b4A39281706F5e4"


def found(body: bytes) -> list[str]:
    assert {one.place for one in search(body)} <= {"body"}
    return [one.value for one in search(body)]


@pytest.mark.parametrize(
    "target",
    [
        "/oauth/token",
        "/v1/oauth/token",
        "/oauth/token/",
        "/oauth/token?x=y",
        "/OAuth/Token",
        "//oauth///token",
        "/v1/%6fauth/%74oken",
        "/v1/oauth%2ftoken",
        "/v1/oauth%252Ftoken",
        "/v1/./oauth/x/../token",
        "/oauth/token;jsessionid=1",
        "/oauth/token%00",
        "/oauth\\token",
        "/oauth/%EF%BD%94oken",
        "/oauth2/v2.0/token",
        "/tenant/oauth2/token",
        "/token",
        "/v1/token",
        "/api/oauth/claude_cli/create_api_key",
        "/oauth/device/code",
    ],
)
def test_a_token_endpoint_is_known_however_it_is_spelled(target: str) -> None:
    assert is_token_endpoint(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "/v1/chat/completions",
        "/v1/messages/count_tokens",
        "/v1beta/models/gemini:countTokens",
        "/v1/tokenize",
        "/v1/tokens",
        "/v1/chat/completions?next=/oauth/token",
        "/v1/oauthors",
        "/oauth/token/../../chat",
    ],
)
def test_other_paths_are_none(target: str) -> None:
    assert not is_token_endpoint(target)


@given(st.text(max_size=100))
def test_any_target_can_be_asked_about(target: str) -> None:
    is_token_endpoint(target)


SECRETS = [
    ("client_secret", "hunter2-and-more"),
    ("client_secret", JWT),
    ("refresh_token", REFRESH),
    ("refresh_token", JWT),
    ("subject_token", KEY),
    ("assertion", KEY),
    ("api_key", "hunter2-and-more"),
    ("password", "hunter2-and-more"),
    ("whatever", KEY),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_keys_refresh_tokens_and_client_secrets_are_found(name: str, value: str) -> None:
    members = {"grant_type": "refresh_token", "client_id": "app_1", name: value}

    assert found(urlencode(members).encode()) == [value]
    assert found(urlencode(members, quote_via=quote).encode()) == [value]
    assert found(json.dumps(members).encode()) == [value]
    assert found(json.dumps({"a": [{"b": members}], "c": 1}).encode()) == [value]


@pytest.mark.parametrize("name", ["subject_token", "assertion", "client_assertion", "id_token", "code"])
def test_a_pipelines_own_short_lived_token_is_no_key(name: str) -> None:
    members = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "scope": "a b", name: JWT}

    assert found(urlencode(members).encode()) == []
    assert found(json.dumps(members).encode()) == []


def test_what_is_neither_a_form_nor_json_is_searched_for_shapes() -> None:
    assert found(b"\xff\xfe <key>" + KEY.encode() + b"</key>") == [KEY]
    assert found(json.dumps({KEY: 1}).encode()) == [KEY]
    assert found(b'{"a": 1, "a": "' + KEY.encode() + b'"}') == [KEY]
    assert found(json.dumps(KEY).encode()) == [KEY]
    assert found(b"") == []


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_the_record_holds_the_members_and_none_of_the_secrets(name: str, value: str) -> None:
    members = {"grant_type": "refresh_token", "client_id": "app_1", "scope": "model.request", name: value}

    for body in (urlencode(members).encode(), json.dumps(members).encode()):
        said = redacted(body, SECRET).decode()
        assert "grant_type: refresh_token\nclient_id: app_1\nscope: model.request\n" in said
        assert f"{name}: [{fingerprint(value, SECRET)}]" in said
        assert value not in said


@pytest.mark.parametrize("name", ["subject_token", "assertion", "code", "login_hint"])
def test_the_record_holds_no_token_either(name: str) -> None:
    assert JWT.encode() not in redacted(urlencode({name: JWT, "client_id": JWT}).encode(), SECRET)


def test_what_cannot_be_read_is_withheld() -> None:
    for body in (b"\xff" + KEY.encode(), json.dumps(KEY).encode(), b"a=" + KEY.encode() + b" " * 70_000):
        assert redacted(body, SECRET) == f"[{len(body)} bytes that are neither a form nor JSON: withheld]".encode()


@given(st.binary(max_size=200))
def test_any_body_is_taken(body: bytes) -> None:
    search(body)
    redacted(body, SECRET)


def test_the_refusal_says_what_to_do_instead() -> None:
    refused = TokenEndpoint()

    assert (refused.status, refused.code) == (403, "token-endpoint")
    assert "HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY" in refused.next_step
