"""The gateway's own credential: the model host gets it, in time, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from clients import RULES_ALONE, ask, chat, client, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from tokenhost import TokenHost

SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3ZWlnaGxvY2sifQ.c3ViamVjdC10b2tlbg"
MASKED = "<GATEWAY_CREDENTIAL>"
PATIENCE = 60.0
"""Seconds in which whatever is waited for must have happened."""


class EchoHost(ModelHost):
    """A model host that repeats the credential that it was given, in the way that it was asked to."""

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        found = re.search(rb"authorization: Bearer (\S+)", head, re.IGNORECASE)
        assert found
        key = found[1].decode()
        said = str(json.loads(body)["messages"][-1]["content"])
        replies: dict[str, tuple[int, Any]] = {
            "refuse": (401, {"error": {"message": f"Incorrect API key provided: {key}."}}),
            "refuse in words": (401, f"Incorrect API key provided: {key}."),
            "quote": (400, {"error": {"message": f"The key {key} may not: {key}{key}"}}),
            "escape": (
                429,
                json.dumps({"error": {"message": f"The key {key}"}}).replace(key[0], f"\\u{ord(key[0]):04x}"),
            ),
            "name": (400, {"error": {"message": "", key: 1}}),
            "number it": (200, {"model": "demo", "choices": [], "id": key}),
        }
        if said in replies:
            status, value = replies[said]
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            fields = f"content-type: application/json\r\nx-key: {key}\r\ncontent-length: {len(data)}"
            writer.write(f"HTTP/1.1 {status} Said {key}\r\n{fields}\r\n\r\n".encode() + data)
        elif said.startswith("stream"):
            await self.stream(writer, f"The key is {key}, and {key}.", int(said.split()[1]))
        else:
            await super().answer(head, body, writer)


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenHost]:
    with TokenHost() as host:
        yield host


@pytest.fixture(scope="module")
def echoing(
    tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, tokens: TokenHost
) -> Iterator[tuple[Gateway, EchoHost]]:
    host = EchoHost(tmp_path_factory.mktemp("echo"), gap=0)
    try:
        gateway = Gateway(tmp_path_factory.mktemp("gateway"), issuer, host, options=RULES_ALONE)
        use(gateway, federation(gateway, tokens))
        with gateway:
            yield gateway, host
    finally:
        host.stop()


def federation(gateway: Gateway, tokens: TokenHost) -> str:
    subject = gateway.folder / "subject"
    subject.write_text(f"{SUBJECT}\n")
    ids = "identity_provider_id: idp_1, service_account_id: svc_1"
    return f"{{federation: {{provider: openai, subject_token: 'file:{subject}', token_url: '{tokens.url}', {ids}}}}}"


def use(gateway: Gateway, credential: str) -> None:
    """From the next start on, or within a second."""
    draft = gateway.rules / ".destinations.yaml"
    draft.write_text(
        f"destinations:\n  - {{name: llm, host: localhost, port: {gateway.host.port}, dialects: [openai, generic], "
        f"credential: {credential}}}\n"
    )
    draft.rename(gateway.rules / "destinations.yaml")


def used(gateway: Gateway, host: ModelHost, text: str = "hello") -> tuple[int, str, str]:
    """Status, code of the refusal, and the credential that the model host got."""
    seen = len(host.received)
    response = ask(gateway, text)
    found = re.findall(rb"authorization: (?:Bearer )?(\S+)", bytes(host.received[seen:]), re.IGNORECASE)
    code = response.json()["error"]["code"] if response.status_code >= 400 else ""
    return response.status_code, code, found[-1].decode() if found else ""


def until(
    gateway: Gateway, host: ModelHost, wanted: Callable[[tuple[int, str, str]], bool]
) -> list[tuple[int, str, str]]:
    """Asks one after the other, the last of which is the first that is *wanted*."""
    asked, end = [used(gateway, host)], time.monotonic() + PATIENCE
    while not wanted(asked[-1]):
        assert time.monotonic() < end, asked[-1]
        asked.append(used(gateway, host))
    return asked


def nowhere(gateway: Gateway, *secrets: str) -> None:
    """None of them is in the gateway's output or state, nor behind the auditor's key."""
    flows = gateway.folder / "upstream.mitm"
    export = gateway.weighlock("replay", "export", "--view", "upstream", "--output", str(flows))
    shown = gateway.weighlock("ledger", "show", "--limit", "1000", "--json")
    assert export.returncode == shown.returncode == 0
    assert b"localhost" in flows.read_bytes()
    places = {path.name: path.read_bytes() for path in gateway.state.rglob("*") if path.is_file()}
    assert "ledger.db" in places
    places |= {"output": gateway.output.encode(), "ledger": shown.stdout.encode(), "flows": flows.read_bytes()}
    for secret in secrets:
        assert [name for name, data in places.items() if secret.encode() in data] == []


def test_the_model_host_gets_the_federated_token_of_the_gateways_identity(
    echoing: tuple[Gateway, EchoHost], tokens: TokenHost
) -> None:
    gateway, host = echoing
    with sdk(gateway) as client:
        answer = client.chat.completions.create(**chat("hello there")).choices[0].message.content

    assert answer == "You said: hello there"
    assert tokens.asked[0].body == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": SUBJECT,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "identity_provider_id": "idp_1",
        "service_account_id": "svc_1",
    }
    assert used(gateway, host)[2] == tokens.token(len(tokens.asked))
    assert SUBJECT.encode() not in host.received


@pytest.mark.parametrize("how", ["refuse", "refuse in words"])
def test_a_refused_credential_is_the_gateways_affair_and_the_next_call_has_a_new_one(
    echoing: tuple[Gateway, EchoHost], tokens: TokenHost, how: str
) -> None:
    gateway, host = echoing
    old = used(gateway, host)[2]
    exchanges = len(tokens.asked)
    with sdk(gateway) as client, pytest.raises(openai.APIStatusError, match="the gateway's own credential") as caught:
        client.chat.completions.create(**chat(how))

    assert caught.value.status_code == 502
    assert caught.value.body["code"] == "credential-refused"  # type: ignore[index]
    assert caught.value.response.headers["x-should-retry"] == "true"
    assert old not in caught.value.response.text
    assert len(tokens.asked) == exchanges  # the gateway does not try again by itself
    assert used(gateway, host) == (200, "", tokens.token(exchanges + 1))
    nowhere(gateway, old, SUBJECT)


@pytest.mark.parametrize(
    ("how", "status", "shown"),
    [
        ("quote", 400, f"The key {MASKED} may not: {MASKED}{MASKED}"),
        ("escape", 429, f"The key {MASKED}"),
        ("number it", 200, f'"id":"{MASKED}"'),
        ("name", 502, "reply-not-maskable"),
    ],
)
def test_a_host_that_repeats_the_credential_tells_the_client_nothing(
    echoing: tuple[Gateway, EchoHost], how: str, status: int, shown: str
) -> None:
    gateway, host = echoing
    token = used(gateway, host)[2]
    with client(gateway) as http:
        response = http.post(f"{gateway.url}/chat/completions", json=chat(how))

    assert response.status_code == status
    assert shown in response.text
    assert token not in response.text + str(response.headers) + response.reason_phrase
    nowhere(gateway, token)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_stream_that_repeats_the_credential_tells_the_client_nothing(
    echoing: tuple[Gateway, EchoHost], size: int
) -> None:
    gateway, host = echoing
    token = used(gateway, host)[2]
    with sdk(gateway) as client:
        chunks = list(client.chat.completions.create(**chat(f"stream {size}"), stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == f"The key is {MASKED}, and {MASKED}."
    assert not any(token in chunk.model_dump_json() for chunk in chunks)


def test_a_token_is_replaced_in_time_and_outlives_its_provider_no_longer_than_it_is_good(
    make: Callable[..., Gateway], host: ModelHost, tmp_path: Path
) -> None:
    with TokenHost() as tokens:
        tokens.life = 4
        gateway = make()
        use(gateway, federation(gateway, tokens))
        with gateway:
            first = until(gateway, host, lambda asked: asked[2] == tokens.token(2))
            assert {(status, code) for status, code, _ in first} == {(200, "")}
            assert {token for _, _, token in first} == {tokens.token(1), tokens.token(2)}
            assert tokens.asked[1].at - tokens.asked[0].at < tokens.life

            tokens.answer = 503, SUBJECT.encode()
            down = until(gateway, host, lambda asked: asked[0] != 200)
            failed = len(tokens.asked)
            assert failed >= 3  # asked in vain, while requests went on with the token that was still good
            assert len(down) > 1
            assert down[-1] == (503, "credential-expired", "")

            tokens.answer = None
            until(gateway, host, lambda asked: asked[2] == tokens.token(failed + 1))
            assert gateway.output.count("no new credential for destination llm: ") == 1

            program = tmp_path / "key"
            program.write_text("print('printed-by-a-program')")
            use(gateway, f"{{command: [{sys.executable}, {program}], lifetime: 1h}}")
            until(gateway, host, lambda asked: asked == (200, "", "printed-by-a-program"))
            program.write_text("print('and another'); raise SystemExit(1)")
            assert used(gateway, host) == (200, "", "printed-by-a-program")
            use(gateway, f"{{command: [{sys.executable}, {program}], lifetime: 2h}}")
            until(gateway, host, lambda asked: asked == (503, "credential-missing", ""))

            key = tmp_path / "file"
            key.write_text("from-a-file-1")
            use(gateway, f"'file:{key}'")
            until(gateway, host, lambda asked: asked == (200, "", "from-a-file-1"))
            key.write_text("from-a-file-2")
            assert used(gateway, host) == (200, "", "from-a-file-2")
            key.unlink()
            assert used(gateway, host) == (503, "credential-missing", "")

            granted = [tokens.token(number + 1) for number in range(len(tokens.asked))]
            nowhere(gateway, SUBJECT, "printed-by-a-program", "from-a-file-1", "from-a-file-2", *granted)


def test_a_credential_that_is_refused_for_good_is_not_retried(make: Callable[..., Gateway], tmp_path: Path) -> None:
    host = EchoHost(tmp_path / "echo", gap=0)
    try:
        with make(host=host) as gateway, sdk(gateway) as client:
            with pytest.raises(openai.APIStatusError, match="operator to renew") as caught:
                client.chat.completions.create(**chat("refuse"))
            assert caught.value.response.headers["x-should-retry"] == "false"
    finally:
        host.stop()
