"""What others' users reported about whole gateways, each as a test of this one: its name is the report's.

Those that need no process are in tests/field_reports.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import pytest

from clients import RULES_ALONE, ask, chat, client, settings
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import LEAK, ModelHost, event, write_chunk
from planted import found
from upstream import CARD

BEFORE = "All is well so far, as far as anybody here can tell. " * 3
MASKED = LEAK.replace(CARD, "***************1111")
STOPS = """\
statements:
  - id: no-cards-in-replies
    effect: block
    direction: response
    findings: {entities: [CREDIT_CARD]}
    reason: A card number in a reply.
"""


class WaitingHost(ModelHost):
    """Streams what is harmless, waits for `go`, and streams what is not."""

    def __init__(self, folder: Path) -> None:
        self.go = threading.Event()
        self.held = False
        """Whether nobody set it."""
        super().__init__(folder, gap=0)

    async def stream(self, writer: asyncio.StreamWriter, text: str, size: int = 5) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(BEFORE), size):
            write_chunk(writer, event({"content": BEFORE[at : at + size]}))
        await writer.drain()
        self.held = not await asyncio.to_thread(self.go.wait, 20)
        for at in range(0, len(LEAK), size):
            write_chunk(writer, event({"content": LEAK[at : at + size]}))
        write_chunk(writer, event({}, "stop") + b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaitingHost]:
    host = WaitingHost(tmp_path_factory.mktemp("waiting"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: WaitingHost) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), issuer, host, options=RULES_ALONE) as gateway:
        yield gateway


class Streamed:
    """A chat that is under way: what came until now, and whether the client took it for a success."""

    def __init__(self, gateway: Gateway) -> None:
        self.text, self.whole, self.refused = "", False, ""
        self._client = client(gateway)
        asked = self._client.build_request("POST", f"{gateway.url}/chat/completions", json=chat("hello", stream=True))
        self._response = self._client.send(asked, stream=True)
        self._lines = self._response.iter_lines()
        self.status = self._response.status_code

    def until_content(self) -> None:
        while not self._take(next(self._lines)):
            pass

    def rest(self) -> None:
        try:
            for line in self._lines:
                self._take(line)
        except httpx.HTTPError:
            self.whole = False
        self._client.close()

    def _take(self, line: str) -> str:
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            self.whole = True
        new = ""
        if data.startswith("{"):
            said = json.loads(data)
            self.refused = said.get("error", {}).get("code", "")
            choices = said.get("choices", ())
            new = "".join(choice["delta"].get("content") or "" for choice in choices)
        self.text += new
        return new


@pytest.fixture
def under_way(gateway: Gateway, host: WaitingHost) -> Streamed:
    """Its first words came while the model host had not said all."""
    host.go.clear()
    streamed = Streamed(gateway)
    streamed.until_content()
    assert not host.held
    return streamed


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_litellm_31764_a_masked_stream_is_held_until_it_is_whole(under_way: Streamed, host: WaitingHost) -> None:
    assert BEFORE.startswith(under_way.text)

    host.go.set()
    under_way.rest()
    assert (under_way.text, under_way.whole) == (BEFORE + MASKED, True)


def test_litellm_30728_what_was_not_inspected_is_released_when_the_inspector_dies(
    gateway: Gateway, under_way: Streamed, host: WaitingHost
) -> None:
    assert gateway.process is not None
    inspectors = children(gateway.process.pid)
    for inspector in inspectors:
        os.kill(inspector, signal.SIGKILL)
    host.go.set()
    under_way.rest()

    assert len(inspectors) == 1
    assert CARD[:9] not in under_way.text
    assert not under_way.whole or under_way.text == BEFORE + MASKED
    while (answer := ask(gateway, f"hello {secrets.token_hex(8)}")).status_code != 200:
        assert answer.status_code == 503


def test_portkey_1119_checks_of_replies_do_not_run_on_streams(
    gateway: Gateway, under_way: Streamed, host: WaitingHost
) -> None:
    """A stream that is under way keeps the policy that it began with; the next one has the new one."""
    policy = gateway.rules / "policy" / "stops.yaml"
    policy.write_text(STOPS)
    host.go.set()
    under_way.rest()
    while (next_one := Streamed(gateway)).rest() or next_one.refused != "policy-blocked":
        assert CARD[:9] not in next_one.text  # as the policy before masked it, until the new one is in force
    policy.unlink()

    assert under_way.whole
    assert CARD[:9] not in next_one.text
    assert (BEFORE + LEAK).startswith(next_one.text)  # what came before the finding, however much
    assert not next_one.whole


def test_litellm_35257_a_stream_of_anthropic_is_recorded_as_inspected_though_it_was_not(speaker: Gateway) -> None:
    asked: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    base, http = speaker.url.removesuffix("/v1"), httpx2.Client(**settings(speaker))
    with anthropic.Anthropic(base_url=base, api_key="weighlock", http_client=http, max_retries=0) as sdk:
        answer = sdk.messages.with_raw_response.create(**asked, stream=True)
        id, text = answer.headers["weighlock-exchange"], answer.http_response.read().decode()
    listed = json.loads(speaker.weighlock("ledger", "show", "--kind", "response", "--json").stdout)
    entry = next(entry["body"] for entry in listed if entry["body"]["exchange"] == id)

    assert CARD not in text
    assert entry["entities"].keys() == {"CREDIT_CARD", "EMAIL_ADDRESS"}
    assert entry["verdict"]["action"] == "mask"
    assert not entry.get("not_inspected")


def test_litellm_30447_the_record_changes_what_it_records(gateway: Gateway, host: WaitingHost) -> None:
    with httpx.Client(verify=httpx.create_ssl_context(str(host.ca)), trust_env=False) as http:
        direct = http.post(f"{gateway.url}/chat/completions", json=chat("How do canal locks work?"))

    assert ask(gateway, "How do canal locks work?").json() == direct.json()


def test_litellm_35951_37965_20240_prompts_and_tokens_lie_in_logs(gateway: Gateway) -> None:
    prompt, token = f"planted-{secrets.token_hex(16)}", gateway.token()
    assert ask(gateway, f"{prompt} {CARD}", token).status_code == 200
    assert ask(gateway, f"{prompt} ghp_{secrets.token_hex(18)}", token).status_code == 403
    assert ask(gateway, prompt, token[:-9] + "AAAAAAAAA").status_code == 401
    sunk = gateway.weighlock("ledger", "show", "--limit", "100000", "--json").stdout + gateway.output

    assert found(gateway.folder, [prompt, token, CARD]) == []
    for planted in (prompt, token, CARD):
        assert planted not in sunk


@pytest.mark.parametrize("header", ["x-litellm-disable-guardrails", "x-portkey-config", "x-weighlock-policy", "dnt"])
def test_litellm_33944_a_header_of_the_caller_switches_checks_off(
    gateway: Gateway, host: WaitingHost, header: str
) -> None:
    seen, planted = len(host.received), f"maria.{header}@example.com"
    body = chat(f"Write to {planted}", metadata={"guardrails": [], "mask": "false"})
    with client(gateway) as http:
        answer = http.post(f"{gateway.url}/chat/completions", json=body, headers={header: "off"})
    arrived = bytes(host.received[seen:])

    assert answer.status_code == 200
    assert b"Write to <EMAIL_ADDRESS_" in arrived
    assert planted.encode() not in arrived
    assert header.encode() not in arrived


def test_litellm_14540_19964_each_call_leaves_a_connection_and_memory_behind(
    gateway: Gateway, host: WaitingHost
) -> None:
    assert gateway.process is not None
    process = Path(f"/proc/{gateway.process.pid}")
    host.go.set()

    def used(calls: int) -> tuple[int, int]:
        """Open files, and kB in memory, when each of *calls* has come with a connection of its own."""
        for number in range(calls):
            streamed = Streamed(gateway) if number % 2 else None
            if streamed:
                streamed.rest()
                assert streamed.whole
            else:
                assert ask(gateway, "hello").status_code == 200
        sizes = (process / "status").read_text().partition("VmRSS:")[2].split()[0]
        return len(list((process / "fd").iterdir())), int(sizes)

    files, memory = used(16)
    later_files, later_memory = used(32)
    assert later_files <= files + 4
    assert later_memory < memory + 16_000
