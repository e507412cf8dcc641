"""Realtime over a WebSocket, with the real openai SDK: every message is judged, masked and recorded on its own."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import read_flows_from_paths
from mitmproxy.websocket import WebSocketMessage
from openai.resources.realtime.realtime import RealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync import client as websocket

from clients import RULES_ALONE
from demo.gateway import CREDENTIAL, Gateway
from demo.issuer import DemoIssuer
from realtimehost import SAYS, RealtimeHost


@pytest.fixture(scope="module")
def realtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealtimeHost]:
    host = RealtimeHost(tmp_path_factory.mktemp("realtime"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, realtime: RealtimeHost) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), issuer, realtime, options=RULES_ALONE) as gateway:
        yield gateway


@pytest.fixture
def connect(through: Gateway) -> Callable[..., Any]:
    def connect(**given: Any) -> Any:
        client = openai.OpenAI(base_url=through.url, api_key="weighlock")
        tls = ssl.create_default_context(cafile=str(through.ca))
        options = {"ssl": tls, "proxy": through.proxy(through.token())} | given
        return client.realtime.connect(model="demo", websocket_connection_options=options)  # type: ignore[arg-type]

    return connect


def received(connection: RealtimeConnection, until: str) -> list[dict[str, Any]]:
    events = []
    for event in connection:
        events.append(event.to_dict())
        if event.type == until:
            return events
    raise AssertionError(f"no {until}: {events}")


def say(connection: RealtimeConnection, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})  # type: ignore[typeddict-item]


def test_what_both_sides_say_is_masked(connect: Callable[..., Any], realtime: RealtimeHost, through: Gateway) -> None:
    with connect() as connection:
        say(connection, "Write to maria.lopez@example.com, please.")
        connection.response.create()
        events = received(connection, "response.done")

    assert [event["type"] for event in events[:2]] == ["session.created", "response.output_text.delta"]
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert text == SAYS.replace("4111 1111 1111 ", "*" * 15)
    assert [event["text"] for event in events if event["type"] == "response.output_text.done"] == [text]
    deltas = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert re.fullmatch(r"<EMAIL_ADDRESS_\w{8}>", json.loads("".join(deltas))["to"])
    done = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert done[0]["arguments"] == "".join(deltas)

    (item,) = [message for message in realtime.messages if message["type"] == "conversation.item.create"]
    assert re.fullmatch(r"Write to <EMAIL_ADDRESS_\w{8}>, please\.", item["item"]["content"][0]["text"])
    head = realtime.heads[-1]
    assert head["authorization"] == f"Bearer {CREDENTIAL}"
    assert "sec-websocket-extensions" not in head
    shown = through.weighlock("ledger", "show", "--json", "--limit", "50")
    kinds = [entry["kind"] for entry in json.loads(shown.stdout)]
    assert kinds.count("message") >= 2
    assert "maria" not in shown.stdout


def test_the_record_tells_it_again_message_by_message(
    connect: Callable[..., Any], through: Gateway, tmp_path: Path
) -> None:
    with connect() as connection:
        say(connection, "Tell it again.")
        connection.response.create()
        events = received(connection, "response.done")

    file, until = tmp_path / "flows", time.monotonic() + 30
    told: list[list[WebSocketMessage]] = []
    while not told and time.monotonic() < until:  # it is recorded once the socket is closed
        assert through.weighlock("replay", "export", "--since", "1m", "-o", str(file)).returncode == 0
        sockets = [flow.websocket for flow in read_flows_from_paths([file]) if isinstance(flow, HTTPFlow)]
        said = [socket.messages for socket in sockets if socket]
        told = [one for one in said if any(b"Tell it again." in message.content for message in one)]

    assert [message.from_client for message in told[0]].count(True) == 2
    assert [json.loads(message.content) for message in told[0] if not message.from_client] == events
    times = [message.timestamp for message in told[0]]
    assert times == sorted(times)
    assert time.time() - 60 < times[0] < times[-1] < time.time()


def test_a_message_that_may_not_leave_ends_the_socket_in_the_words_of_the_api(
    connect: Callable[..., Any], realtime: RealtimeHost
) -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    seen = len(realtime.messages)
    with connect() as connection:
        say(connection, f"my token is {token[:40]}")
        events = received(connection, "error")
        with pytest.raises(ConnectionClosed):
            received(connection, "never")

    assert "secrets-never-leave" in events[-1]["error"]["message"]
    assert realtime.messages[seen:] == []


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x00binary", id="binary"),
        pytest.param("no JSON", id="no JSON"),
        pytest.param('["a list"]', id="a list"),
        pytest.param('{"type": "input_text.delta", "delta": "x"}', id="a delta"),
        pytest.param(
            '{"type": "input_audio_buffer.append", "audio": "bWFyaWEubG9wZXo="}', id="audio where none may pass"
        ),
    ],
)
def test_what_cannot_be_inspected_ends_the_socket(
    through: Gateway, realtime: RealtimeHost, message: str | bytes
) -> None:
    seen = len(realtime.messages)
    with raw(through) as socket:
        socket.send(message)
        *_, last = all_of(socket)
        assert last["error"]["type"] == "weighlock_refusal"

    assert realtime.messages[seen:] == []


def test_a_ping_goes_no_further_than_the_gateway(through: Gateway, realtime: RealtimeHost) -> None:
    with raw(through) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"
        assert socket.ping("4111 1111 1111 1111").wait(10)


def test_without_a_token_there_is_no_socket(through: Gateway, realtime: RealtimeHost) -> None:
    before = len(realtime.heads)
    with pytest.raises(InvalidStatus) as caught:
        raw(through, token="")

    assert caught.value.response.status_code == 401
    assert len(realtime.heads) == before


def test_a_socket_of_another_operation_is_refused(through: Gateway) -> None:
    with pytest.raises(InvalidStatus) as caught:
        raw(through, path="/chat/completions")

    assert json.loads(caught.value.response.body or b"")["title"] == "dialect-unknown"


def test_a_cut_off_ends_a_socket(make: Callable[..., Gateway], realtime: RealtimeHost) -> None:
    gateway = make(host=realtime)
    with gateway, raw(gateway) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"
        done = gateway.weighlock("cutoffs", "add", "actor_id", "42", "--reason", "test")
        assert done.returncode == 0, done.stderr
        *_, last = all_of(socket)

    assert last["error"]["code"] == "cut-off"


def all_of(socket: websocket.ClientConnection) -> list[dict[str, Any]]:
    """What comes until it is closed; a socket's own iterator ends quietly at any close but an abnormal one."""
    said = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            said.append(json.loads(socket.recv(10)))
    assert socket.close_code == 1008
    return said


def raw(gateway: Gateway, token: str | None = None, path: str = "/realtime?model=demo") -> websocket.ClientConnection:
    token = gateway.token() if token is None else token
    return websocket.connect(
        gateway.url.replace("https:", "wss:") + path,
        ssl=ssl.create_default_context(cafile=str(gateway.ca)),
        proxy=gateway.proxy(token),
    )
