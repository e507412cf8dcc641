"""What changes while an exchange is under way: decisions, cut-offs, rules, the ledger's disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import RULES_ALONE, ask, chat, client, recorded, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost, event, write_chunk

Make = Callable[..., Gateway]
BULK = " ".join(f"person{n}@example.com" for n in range(12))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Gateway]:
    """For tests that leave nothing behind but decided approvals."""
    options = RULES_ALONE | {"weighlock_hold_for": "30s"}
    with Gateway(tmp_path_factory.mktemp("shared"), issuer, host, options=options) as gateway:
        yield gateway


@pytest.fixture
def own(make: Make) -> Iterator[Gateway]:
    with make(options={"weighlock_hold_for": "30s"}) as gateway:
        yield gateway


def pending(gateway: Gateway) -> dict[str, Any]:
    """The one request that is held; waits for it."""
    environment = {"WEIGHLOCK_TOKEN": gateway.approver()}
    while True:
        done = gateway.weighlock("approvals", "list", "--json", env=environment)
        assert done.returncode == 0, done.stderr
        listed: list[dict[str, Any]] = json.loads(done.stdout)
        if listed:
            return listed[0]


def decide(gateway: Gateway, word: str, held: str, *more: str, **claims: Any) -> tuple[int, str]:
    environment = {"WEIGHLOCK_TOKEN": gateway.approver(**claims)}
    done = gateway.weighlock("approvals", word, held, *more, env=environment)
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def asking(gateway: Gateway, text: str, **given: Any) -> Iterator[Callable[[], httpx.Response]]:
    """A request in another thread; call what is yielded for its response."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(ask, gateway, text, **given)
        yield lambda: future.result(60)


def test_an_approved_request_is_released_masked_and_once(shared: Gateway, host: ModelHost) -> None:
    seen = len(host.received)
    with asking(shared, BULK) as answer:
        held = pending(shared)
        assert len(host.received) == seen
        assert decide(shared, "approve", held["id"]) == (0, f"{held['id']} approved by alice@example.com\n")
        assert answer().status_code == 200
        assert decide(shared, "approve", held["id"])[0] == 1

    assert host.received[seen:].count(b"POST ") == 1
    assert b"person1@example.com" not in host.received[seen:]


def test_a_denied_request_is_refused_with_the_reason(shared: Gateway, host: ModelHost) -> None:
    seen = len(host.received)
    with asking(shared, BULK) as answer:
        decide(shared, "deny", pending(shared)["id"], "--reason", "not on a Friday")
        response = answer()

    assert response.status_code == 403
    assert "not on a Friday" in response.json()["error"]["message"]
    assert response.headers["x-should-retry"] == "false"
    assert len(host.received) == seen


@pytest.mark.parametrize(
    ("claims", "complaint"),
    [
        ({"email": "dana@example.com", "sub": "dana"}, "Nobody approves"),
        ({"email": "", "sub": "project:7"}, "Nobody approves"),
        ({"groups": ["interns"]}, "approving group"),
        ({"aud": "weighlock"}, "not for"),
        ({"exp": 1}, "expired"),
    ],
)
def test_who_may_not_approve_does_not(shared: Gateway, host: ModelHost, claims: dict[str, Any], complaint: str) -> None:
    seen = len(host.received)
    with asking(shared, BULK) as answer:
        held = pending(shared)["id"]
        code, text = decide(shared, "approve", held, **claims)
        assert decide(shared, "deny", held, "--reason", "done")[0] == 0
        assert answer().status_code == 403

    assert code == 1
    assert complaint in text
    assert len(host.received) == seen


class SilentHost(ModelHost):
    """Takes a request, and answers when it is let."""

    def __init__(self, folder: Path) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        super().__init__(folder)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.reached.set()
        await asyncio.to_thread(self.go.wait)
        await super().answer(head, body, writer)


def test_a_client_that_leaves_before_the_answer_is_recorded(make: Make, tmp_path: Path) -> None:
    silent = SilentHost(tmp_path / "silent")
    try:
        with make(host=silent) as gateway:
            with client(gateway) as http, pytest.raises(httpx.ReadTimeout):
                http.post(f"{gateway.url}/chat/completions", json=chat("hi"), timeout=httpx.Timeout(30, read=1))
            assert silent.reached.is_set()
            listed = recorded(gateway, "response")
            silent.go.set()
    finally:
        silent.go.set()
        silent.stop()

    assert "broken-off" in json.dumps(listed)


class SlowToClose(ModelHost):
    """Says all that it has to say, and does not end the reply."""

    def __init__(self, folder: Path, last: bytes) -> None:
        self.last, self.go = last, threading.Event()
        super().__init__(folder)

    async def stream(self, writer: asyncio.StreamWriter, text: str, size: int = 5) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        write_chunk(writer, event({"content": "All is well."}) + event({}, "stop") + self.last)
        await writer.drain()
        await asyncio.to_thread(self.go.wait)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("http2", [True, False])
def test_a_client_that_leaves_with_the_whole_answer_broke_nothing_off(
    make: Make, tmp_path: Path, whole: bool, http2: bool
) -> None:
    """The SDKs close a stream at its last event, also where the model host has not ended its reply by then."""
    slow = SlowToClose(tmp_path / "slow", b"data: [DONE]\n\n" if whole else b"")
    try:
        with make(host=slow) as gateway:
            with sdk(gateway, http2=http2) as openai:
                chunks = openai.chat.completions.create(**chat("hi"), stream=True)
                assert next(chunks).choices[0].delta.content
                assert [list(chunks)] if whole else chunks.close() is None
            (done,) = recorded(gateway, "response")
    finally:
        slow.go.set()
        slow.stop()

    assert done["body"].get("refused", {}).get("code") == (None if whole else "broken-off")
    assert done["payloads"]["response.delivered"]["size"]


def test_a_policy_tightened_while_held_wins_over_the_approval(own: Gateway, host: ModelHost) -> None:
    seen = len(host.received)
    with asking(own, BULK) as answer:
        held = pending(own)
        strict = "statements:\n  - {id: nobody, effect: block, reason: Closed for today.}\n"
        (own.rules / "policy" / "default.cases.yaml").unlink()
        (own.rules / "policy" / "strict.yaml").write_text(strict)
        while ask(own, "ping").status_code == 200:
            pass
        seen = len(host.received)
        decide(own, "approve", held["id"])
        response = answer()

    assert response.json()["error"]["code"] == "policy-tightened"
    assert len(host.received) == seen


def cut_off(gateway: Gateway) -> float:
    """Cut the pipeline off; the moment at which the command returned."""
    done = gateway.weighlock("cutoffs", "add", "actor_id", "42", "--reason", "left")
    assert done.returncode == 0
    return time.monotonic()


def test_a_cut_off_ends_a_running_stream_within_a_second(make: Make, issuer: Any, tmp_path: Any) -> None:
    slow = ModelHost(tmp_path / "slow", gap=0.05)
    try:
        with make(host=slow) as gateway, client(gateway) as http:
            ended = []
            with http.stream(
                "POST", f"{gateway.url}/chat/completions", json=chat("A word at a time. " * 500, stream=True)
            ) as response:
                lines = response.iter_lines()
                next(lines)
                cut = threading.Thread(target=lambda: ended.append(cut_off(gateway)))
                cut.start()
                text = ""
                with contextlib.suppress(httpx.RemoteProtocolError):
                    for line in lines:
                        text += line
                stopped = time.monotonic()
                cut.join()

            assert stopped - ended[0] < 1
            assert "cut-off" in text
            assert "[DONE]" not in text
            assert ask(gateway, "again").json()["error"]["code"] == "cut-off"
    finally:
        slow.stop()


def test_a_cut_off_ends_a_held_request(own: Gateway, host: ModelHost) -> None:
    seen = len(host.received)
    with asking(own, BULK) as answer:
        held = pending(own)
        at = cut_off(own)
        response = answer()
        assert time.monotonic() - at < 1

    assert response.json()["error"]["code"] == "cut-off"
    assert decide(own, "approve", held["id"])[0] == 1
    assert len(host.received) == seen


def test_a_lifted_cut_off_lets_the_pipeline_in_again(own: Gateway) -> None:
    cut_off(own)
    while ask(own, "hello").status_code == 200:
        pass
    assert own.weighlock("cutoffs", "lift", "1").returncode == 0
    while ask(own, "hello").status_code != 200:
        pass

    assert own.weighlock("cutoffs", "lift", "1").returncode == 1
    assert json.loads(own.weighlock("cutoffs", "list", "--json").stdout) == []


def test_rules_that_are_wrong_leave_the_last_good_ones_in_force(own: Gateway) -> None:
    file = own.rules / "policy" / "default.yaml"
    good = file.read_text()
    file.with_name("default.cases.yaml").unlink()
    file.write_text(good.replace("effect: block", "effect: blok"))
    while "rules rejected" not in own.output:
        assert ask(own, "still allowed").status_code == 200
    assert "policy/default.yaml" in own.output

    secret = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    assert ask(own, f"and still blocked: {secret}").status_code == 403
    file.write_text(good.replace("effect: block", "effect: hold\n    approvers: {groups: [security]}", 1))
    while "rules loaded" not in own.output:
        ask(own, "reload")


def test_a_ledger_that_cannot_be_written_refuses_everything_and_recovers(own: Gateway, host: ModelHost) -> None:
    assert ask(own, "before").status_code == 200
    lock = sqlite3.connect(own.state / "ledger.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    seen = len(host.received)
    refused = ask(own, "unrecorded-words")
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "ledger-unavailable"
    assert b"unrecorded-words" not in host.received[seen:]
    lock.execute("ROLLBACK")
    lock.close()
    while ask(own, "after").status_code != 200:
        pass

    assert own.stop() == 0
    assert own.weighlock("ledger", "verify").returncode == 0


def test_a_request_is_recorded_before_it_leaves(make: Make, host: ModelHost) -> None:
    """Killed at any moment, the ledger holds every request that the model host saw."""
    gateway = make()
    with gateway:
        seen = host.requests
        asked = [threading.Thread(target=_ask_quietly, args=[gateway, n]) for n in range(12)]
        for thread in asked:
            thread.start()
        while host.requests < seen + 3:
            pass
        assert gateway.process is not None
        gateway.process.kill()
        for thread in asked:
            thread.join()
    reached = host.requests - seen
    entries = json.loads(gateway.weighlock("ledger", "show", "--kind", "request", "--limit", "1000", "--json").stdout)

    assert 3 <= reached <= len(entries)
    assert gateway.weighlock("ledger", "verify").returncode == 0


def _ask_quietly(gateway: Gateway, number: int) -> None:
    with contextlib.suppress(httpx.HTTPError):
        ask(gateway, f"number {number}")
