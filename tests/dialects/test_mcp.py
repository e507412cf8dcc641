from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import outer_texts
from weighlock.dialects.mcp import DIALECT as MCP
from weighlock.dialects.mcp import Messages
from weighlock.errors import BadReply, Forbidden, Malformed
from weighlock.model import Role
from weighlock.wire import jsontext
from weighlock.wire.sse import Sse

REFUSED = Forbidden("cut-off", "This identity was cut off.", because=("rule-a",))


def view(body: Any = None, method: str = "POST", headers: tuple[tuple[str, str], ...] = ()) -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    return RequestView(method, "/mcp", (), headers, "application/json", data)


def read(body: Any) -> tuple[Asked, Said]:
    return MCP.named("post").read(view(body))


def request(method: str = "tools/call", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def result(**said: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": said}


def roles(said: Said) -> dict[str, Role]:
    return {text.pointer: text.role for text in said.texts}


@pytest.mark.parametrize(
    "body",
    [
        request(),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        result(roots=[]),
        {"jsonrpc": "2.0", "error": {"code": 1, "message": "no"}},
        [request(), result()],
    ],
)
def test_a_message_or_a_batch_may_be_answered_by_a_stream(body: Any) -> None:
    assert read(body)[0] == Asked(stream=True)
    assert Messages().read(json.dumps(body)).texts


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        ["x"],
        "x",
        request() | {"jsonrpc": "1.0"},
        request() | {"method": 7, "result": {}},
        request() | {"result": {}},
        result() | {"error": {}},
        {"jsonrpc": "2.0", "id": 1},
        [request(), {}],
    ],
)
def test_what_is_no_message_is_refused(body: Any) -> None:
    with pytest.raises(Malformed, match="body-shape"):
        read(body)
    with pytest.raises(BadReply, match="stream-shape"):
        Messages().read(json.dumps(body))


def test_who_listens_sends_nothing_and_the_stream_may_end_at_any_time() -> None:
    assert MCP.named("listen").read(view(method="GET")) == (Asked(stream=True), Said())
    assert MCP.operation(view(method="DELETE")) is MCP.named("end")
    assert MCP.operation(view(method="PUT")) is None
    assert Messages().complete
    assert Messages().read("").document is None


def test_arguments_and_results_are_somebodys_own_json() -> None:
    _, called = read(request(name="weather", arguments={"role": "Ann", "Ann Lee": 1}))
    said = MCP.named("post").read_reply(json.dumps(result(structuredContent={"type": "Ann"})).encode())

    assert roles(called)["/params/name"] is Role.PARAMETER
    assert roles(called)["/params/arguments/role"] is Role.CONTENT
    assert roles(called)["key:/params/arguments/Ann Lee"] is Role.KEY
    assert roles(said)["/result/structuredContent/type"] is Role.CONTENT


def test_json_in_a_text_is_masked_leaf_by_leaf() -> None:
    text = {"type": "text", "text": '{"to": "Ann", "n": 1}'}
    said = MCP.named("post").read_reply(json.dumps(result(content=[text])).encode())

    assert roles(said)["/result/content/0/text~>/to"] is Role.CONTENT
    assert roles(said)["/result/content/0/text~>/n"] is Role.NUMBER
    assert roles(said)["/result/content/0/type"] is Role.PARAMETER


def test_what_somebody_filled_in_is_no_word_and_no_media() -> None:
    filled = {"role": "Ann", "data": "Maria", "text": '{"n": 1}'}
    _, said = read({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept", "content": filled}})

    assert {roles(said)[f"/result/content/{name}"] for name in filled} == {Role.CONTENT}
    assert not said.not_inspected


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}, "image"),
        ({"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}, "audio"),
        ({"type": "resource", "resource": {"uri": "a:b", "blob": "JVBERi0=", "mimeType": "application/pdf"}}, "file"),
        ({"type": "resource", "resource": {"uri": "a:b", "blob": "JVBERi0="}}, "file"),
    ],
)
def test_what_nobody_can_read_is_told_apart(content: dict[str, Any], kind: str) -> None:
    said = MCP.named("post").read_reply(json.dumps(result(content=[content])).encode())

    assert [one.kind for one in said.not_inspected] == [kind]


@pytest.mark.parametrize("operation", ["post", "listen", "end"])
def test_what_is_said_beside_the_protocol_stays_here(operation: str) -> None:
    assert MCP.named(operation).read_reply(b"Method not allowed, Maria", "text/plain") == Said()
    for media in ("application/json", "text/event-stream"):
        with pytest.raises(BadReply, match="reply-unreadable"):
            MCP.named(operation).read_reply(b"Method not allowed, Maria", media)


def test_a_header_field_is_inspected_as_what_it_says() -> None:
    said = b64encode("Maria López".encode()).decode()
    asked = view(request(), headers=(("mcp-param-to", f"=?base64?{said}?="), ("mcp-method", "tools/call")))

    assert [text.value for text in outer_texts(asked) if text.role is Role.HEADER] == ["Maria López", "tools/call"]


@pytest.mark.parametrize("value", ["=?base64?TWFyaWF=?=", "=?base64?TW Fy?=", "=?base64?/w==?=", "=?base64?x?="])
def test_a_header_field_with_two_meanings_is_refused(value: str) -> None:
    with pytest.raises(Malformed, match="header-encoding"):
        outer_texts(view(request(), headers=(("mcp-name", value),)))


@pytest.mark.parametrize(
    ("body", "id"),
    [
        (request(), 1),
        (request() | {"id": "call-1"}, "call-1"),
        (request() | {"id": None}, None),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, None),
        (result(), None),
        ([request()], None),
        (None, None),
    ],
)
def test_a_refusal_answers_the_request_that_it_is_of(body: Any, id: Any) -> None:
    asked = None if body is None else jsontext.parse(json.dumps(body).encode())
    headers, content = MCP.refusal(REFUSED, "e1", asked)
    said = json.loads(content)

    assert dict(headers)["content-type"] == "application/json"
    assert said["id"] == id
    assert said["jsonrpc"] == "2.0"
    assert said["error"]["message"] == "weighlock: This identity was cut off. [rule-a]"
    assert (said["error"]["code"], said["error"]["data"]["title"]) == (403, "cut-off")


def test_a_refusal_in_a_stream_is_a_message() -> None:
    frame = MCP.named("post").error_frame(MCP.says(REFUSED, "e1", jsontext.parse(json.dumps(request()).encode())))
    event = Sse().encode(frame).decode()

    assert event.startswith("event: message\ndata: ")
    assert json.loads(frame.data)["id"] == 1
    assert Messages().read(frame.data).document
