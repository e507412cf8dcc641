"""MCP through a real gateway: header fields of the protocol pass inspected, and no stream needs an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clients import RULES_ALONE, client
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

ADDRESS = "maria.lopez@example.com"
KEY = "sk-proj-9f8e7d6c5b4a39281706f5e4d3c2b1a0ffee"
CALL = {"jsonrpc": "2.0", "id": "call-1", "method": "tools/call", "params": {"name": "mail", "arguments": {}}}


class McpServer(ModelHost):
    """Answers a POST with *media*, and a GET with a stream that does not end. All has *session* as its session."""

    media = "application/json"
    session = "session-1"

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.heads.append(head.decode().lower())
        listening = head.startswith(b"GET")
        said = [] if head.startswith(b"DELETE") else [{"type": "text", "text": f'{{"to": "{ADDRESS}"}}'}]
        data = json.dumps({"jsonrpc": "2.0", "id": "call-1", "result": {"content": said}}).encode()
        if listening or self.media == "text/event-stream":
            data = b"event: message\nid: a-1\ndata: " + data + b"\n\n"
        extra = "transfer-encoding: chunked" if listening else f"content-length: {len(data)}"
        media = "text/event-stream" if listening else self.media
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\nmcp-session-id: {self.session}\r\nx-own: 1\r\n"
            f"{extra}\r\n\r\n".encode()
        )
        writer.write(b"%x\r\n%s\r\n" % (len(data), data) if listening else data)
        await writer.drain()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpServer]:
    server = McpServer(tmp_path_factory.mktemp("mcp"), gap=0)
    server.heads = []
    yield server
    server.stop()


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, server: McpServer) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), issuer, server, options=RULES_ALONE)
    listed = gateway.rules / "destinations.yaml"
    listed.write_text(listed.read_text().replace("[openai, generic]", "[mcp]"))
    with gateway:
        yield gateway


@pytest.fixture
def http(through: Gateway, server: McpServer) -> Iterator[httpx.Client]:
    server.media, server.session = "application/json", "session-1"
    with client(through, base_url=through.url.removesuffix("/v1")) as http:
        yield http


def called(http: httpx.Client, headers: dict[str, str] | None = None, **arguments: str) -> httpx.Response:
    body = CALL | {"params": {"name": "mail", "arguments": arguments}}
    return http.post("/mcp", json=body, headers=headers)


def message(reply: httpx.Response) -> Any:
    text = reply.text
    if reply.headers["content-type"].startswith("text/event-stream"):
        text = text.partition("data: ")[2]
    return json.loads(text)


@pytest.mark.parametrize("media", ["application/json", "text/event-stream"])
def test_both_sides_are_masked_and_the_session_passes(http: httpx.Client, server: McpServer, media: str) -> None:
    server.media = media
    reply = called(http, {"mcp-session-id": "session-0", "mcp-method": "tools/call", "x-own": "1"}, to=ADDRESS)

    assert reply.headers["mcp-session-id"] == "session-1"
    assert "x-own" not in reply.headers
    assert re.fullmatch(r'\{"to": "<EMAIL_ADDRESS.*>"\}', message(reply)["result"]["content"][0]["text"])
    assert "mcp-session-id: session-0" in server.heads[-1]
    assert "mcp-method: tools/call" in server.heads[-1]
    assert "x-own" not in server.heads[-1]
    assert ADDRESS.encode() not in server.received


def test_a_header_field_does_not_say_what_the_body_may_not(http: httpx.Client, server: McpServer) -> None:
    before = len(server.heads)
    coded = b64encode(ADDRESS.encode()).decode()
    reply = called(http, {"mcp-param-to": f"=?base64?{coded}?="})

    assert reply.status_code == 403
    assert message(reply)["id"] == "call-1"
    assert len(server.heads) == before


@pytest.mark.parametrize("media", ["application/json", "text/event-stream"])
def test_a_session_that_may_not_be_seen_ends_the_reply(http: httpx.Client, server: McpServer, media: str) -> None:
    server.media, server.session = media, KEY
    said = ""
    with http.stream("POST", "/mcp", json=CALL) as reply, contextlib.suppress(httpx.RemoteProtocolError):
        for text in reply.iter_text():  # a stream is cut behind what it says
            said += text

    assert KEY not in said + str(reply.headers)
    assert json.loads(said.partition("data: ")[2] or said)["error"]["message"].startswith("weighlock: ")


def test_who_listens_hears_what_comes_and_may_leave(http: httpx.Client, server: McpServer) -> None:
    with http.stream("GET", "/mcp", headers={"accept": "text/event-stream", "last-event-id": "a-0"}) as reply:
        lines = reply.iter_lines()
        heard = [next(lines) for _ in range(3)]

    assert heard[:2] == ["event: message", "id: a-1"]
    assert ADDRESS not in heard[2]
    assert "last-event-id: a-0" in server.heads[-1]
    assert http.delete("/mcp", headers={"mcp-session-id": "session-1"}).status_code == 200
