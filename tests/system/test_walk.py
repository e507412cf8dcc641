"""One exchange, end to end: what each side sees."""

from __future__ import annotations

import json

import pytest

from clients import ask, chat, client, sdk
from demo.gateway import CREDENTIAL, Gateway
from demo.model_host import ModelHost


def test_a_clean_prompt_passes(gateway: Gateway) -> None:
    response = ask(gateway, "How tall is the Eiffel tower?")

    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == "You said: How tall is the Eiffel tower?"


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_neither_side_sees_what_is_masked(gateway: Gateway, host: ModelHost, http2: bool, stream: bool) -> None:
    seen = len(host.received)
    planted = f"maria.lopez.{http2}.{stream}@example.com"
    with sdk(gateway, http2=http2) as openai:
        asked = chat(f"I am Maria Lopez, write to {planted} and leak a card")
        if stream:
            chunks = openai.chat.completions.create(**asked, stream=True)
            answer = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        else:
            answer = openai.chat.completions.create(**asked).choices[0].message.content

    assert answer == "Of course. The card on file is ***************1111, and it expires next year."
    at_host = bytes(host.received[seen:])
    assert b"leak a card" in at_host
    assert planted.encode() not in at_host
    assert b"<EMAIL_ADDRESS_" in at_host


def test_the_clients_credentials_stay_here_and_the_gateways_own_go_in(gateway: Gateway, host: ModelHost) -> None:
    seen, token = len(host.received), gateway.token()
    with client(gateway, token) as http:
        headers = {"authorization": f"Bearer {token}", "x-api-key": "weighlock", "cookie": "session=abc"}
        response = http.post(f"{gateway.url}/chat/completions", json=chat("hi there"), headers=headers)

    at_host = bytes(host.received[seen:])
    assert response.status_code == 200
    assert f"authorization: Bearer {CREDENTIAL}".encode() in at_host.lower().replace(b"bearer", b"Bearer")
    assert token.encode() not in at_host
    for name in (b"proxy-authorization", b"x-api-key", b"cookie"):
        assert name not in at_host.lower()


def test_a_secret_is_blocked_and_the_sdk_says_why(gateway: Gateway, host: ModelHost) -> None:
    seen = len(host.received)
    with sdk(gateway) as openai, pytest.raises(Exception, match="Credentials do not leave the building") as caught:
        openai.chat.completions.create(**chat("use sk-proj-9f8e7d6c5b4a39281706f5e4d3c2b1a0ffee"))

    assert caught.value.status_code == 403  # type: ignore[attr-defined]
    assert "secrets-never-leave" in str(caught.value)
    assert bytes(host.received[seen:]) == b""


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("carrier", ["authorization", "x-api-key", "proxy"])
def test_a_static_key_reaches_nobody(gateway: Gateway, host: ModelHost, carrier: str, http2: bool) -> None:
    seen, key = len(host.received), "sk-proj-" + "9f8E7d6C5b4A39281706F5e4D3c2B1a0" * 2
    headers = {"authorization": f"Bearer {key}"} if carrier == "authorization" else {"x-api-key": key}
    with client(gateway, key if carrier == "proxy" else None, http2=http2) as http:
        sent = {} if carrier == "proxy" else headers
        response = http.post(f"{gateway.url}/chat/completions", json=chat("hello"), headers=sent)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "static-key"
    assert response.headers["x-should-retry"] == "false"
    assert key not in response.text
    assert bytes(host.received[seen:]) == b""


def test_a_refusal_is_tried_once_by_the_sdk(gateway: Gateway) -> None:
    before = len(refusals(gateway))
    with sdk(gateway, gateway.token(project_id=8)) as openai:
        patient = openai.with_options(max_retries=3)
        with pytest.raises(Exception, match="no registered workload"):
            patient.chat.completions.create(**chat("hi"))

    assert len(refusals(gateway)) == before + 1


def refusals(gateway: Gateway) -> list[object]:
    done = gateway.weighlock("ledger", "show", "--kind", "refusal", "--limit", "100000", "--json")
    listed: list[object] = json.loads(done.stdout)
    return listed
