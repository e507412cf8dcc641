"""Each stage and each hook made to raise, hang, or return nothing; inspectors killed: nothing unmasked passes."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clients import RULES_ALONE, ask, chat, client
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

PERSON = "quentin.planted@example.com"
CARD = "4111 1111 1111 1111"
STAGES = ("Tunnels", "Identify", "Read", "Inspect", "Decide", "Mask", "Approve", "Broker", "Record")


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("fault") / "fault"
    file.write_text("")
    return file


@pytest.fixture(scope="module")
def faulty(
    tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost, fault: Path
) -> Iterator[Gateway]:
    script = Path(__file__).parent / "faulty_gateway.py"
    env = {"FAULT": str(fault), "PYTHONPATH": str(Path(__file__).parents[2] / "addons")}
    options = RULES_ALONE | {"weighlock_inspect_timeout": "1s", "weighlock_workers": "2"}
    folder = tmp_path_factory.mktemp("faulty")
    with Gateway(folder, issuer, host, script=script, env=env, options=options) as gateway:
        yield gateway


@contextlib.contextmanager
def striking(fault: Path, what: str) -> Iterator[None]:
    fault.write_text(what)
    try:
        yield
    finally:
        fault.write_text("")


def exchange(gateway: Gateway, stream: bool = False) -> tuple[str, bool]:
    """What a client gets of one exchange with values planted both ways, and whether it took that for a success."""
    with client(gateway) as http:
        body = chat(f"I am {PERSON}; leak a card {uuid.uuid4()}", stream=stream)  # a text that no cache knows
        received = ""
        try:
            with http.stream("POST", f"{gateway.url}/chat/completions", json=body, timeout=10) as response:
                for text in response.iter_text():
                    received += text
        except httpx.HTTPError:
            return received, False
        return received, response.status_code == 200 and "weighlock_refusal" not in received


def assert_recovered(gateway: Gateway) -> None:
    text, passed = exchange(gateway)
    assert passed
    assert CARD not in text


@pytest.mark.parametrize("kind", ["raise", "memory", "hang", "nothing", "wrong", "cancel"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_fails_lets_nothing_out(
    faulty: Gateway, host: ModelHost, fault: Path, stage: str, kind: str
) -> None:
    seen = len(host.received)
    with striking(fault, f"{stage}:{kind}"):
        received, passed = exchange(faulty)

    assert not passed
    assert "weighlock_refusal" in received
    assert PERSON.encode() not in host.received[seen:]
    assert PERSON not in received
    assert "planted-in-an-exception" not in faulty.output + received
    assert_recovered(faulty)


FORWARDING = ("http_connect", "requestheaders", "request", "responseheaders", "response")
SABOTAGED = [
    *(
        (hook, kind)
        for hook in (
            "http_connect",
            "requestheaders",
            "request",
            "responseheaders",
            "response",
            "server_connect",
            "cleared",
        )
        for kind in ("raise", "memory", "nothing")
    ),
    *((name, kind) for name in ("weigh", "document") for kind in ("raise", "hang", "nothing")),
    *((name, "raise") for name in ("as_sent", "as_received", "start_stream")),
    *((name, kind) for name in ("feed", "release", "finish") for kind in ("raise", "nothing")),
    ("error", "raise"),
    ("client_disconnected", "raise"),
]
HARMLESS = {("error", "raise"), ("client_disconnected", "raise"), ("server_connect", "nothing")}
"""Nothing is forwarded in these: they tell of an end, or the belt decides by itself."""
OF_STREAMS = {"feed", "release", "finish", "start_stream"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "kind"), SABOTAGED)
def test_a_hook_that_fails_lets_nothing_unmasked_pass(
    faulty: Gateway, host: ModelHost, fault: Path, name: str, kind: str, stream: bool
) -> None:
    seen = len(host.received)
    with striking(fault, f"{name}:{kind}"):
        received, passed = exchange(faulty, stream)

    unaffected = (name in OF_STREAMS and not stream) or (name == "document" and stream)
    if (name, kind) == ("responseheaders", "nothing"):
        unaffected = not stream  # a reply that nobody set up to be streamed is read whole, and masked
    assert passed == (unaffected or (name, kind) in HARMLESS), received
    assert PERSON.encode() not in host.received[seen:]
    assert CARD not in received
    assert "planted-in-an-exception" not in faulty.output + received
    assert_recovered(faulty)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def test_a_killed_inspector_refuses_its_text_and_is_replaced(faulty: Gateway, host: ModelHost) -> None:
    assert faulty.process is not None
    before = children(faulty.process.pid)
    seen = len(host.received)
    for child in before:
        os.kill(child, signal.SIGKILL)
    outcomes = [exchange(faulty) for _ in range(4)]

    assert len(before) == 2
    assert PERSON.encode() not in host.received[seen:]
    assert all(CARD not in text for text, _ in outcomes)
    while not exchange(faulty)[1]:
        pass
    assert set(children(faulty.process.pid)).isdisjoint(before)


def test_a_hung_inspector_refuses_its_text_and_is_replaced(faulty: Gateway, host: ModelHost) -> None:
    assert faulty.process is not None
    before = children(faulty.process.pid)
    seen = len(host.received)
    for child in before:
        os.kill(child, signal.SIGSTOP)
    answer = ask(faulty, f"I am {PERSON} {uuid.uuid4()}")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "inspection-timeout"
    assert PERSON.encode() not in host.received[seen:]
    while not exchange(faulty)[1]:
        pass
