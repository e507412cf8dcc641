from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from ollama import Client, ResponseError

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.ollama import DIALECT as OLLAMA
from weighlock.dialects.ollama import Answer
from weighlock.errors import BadReply, Forbidden, Malformed, Refused, Unsupported
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Role
from weighlock.wire.lines import Lines

CHAT, GENERATE = "/api/chat", "/api/generate"
MESSAGES = [{"role": "user", "content": "hello"}]


def view(path: str, body: Any = None, method: str = "POST") -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    return RequestView(method, path, (), (), "application/json", data)


def read(path: str, body: Any) -> tuple[Asked, Said]:
    operation = OLLAMA.operation(view(path, body))
    assert operation
    return operation.read(view(path, body))


def chat(**given: Any) -> dict[str, Any]:
    return {"model": "small", "messages": MESSAGES} | given


def frame(message: dict[str, Any], **given: Any) -> str:
    return json.dumps({"model": "small", "message": message, "done": False} | given)


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        (CHAT, chat(), Asked("small", stream=True)),
        (CHAT, chat(stream=None), Asked("small", stream=True)),
        (CHAT, chat(stream=False), Asked("small", stream=False)),
        (GENERATE, {"model": "small"}, Asked("small", stream=True)),
        ("/api/embed", {"model": "small", "input": "hello"}, Asked("small")),
        ("/api/show", {"name": "small"}, Asked("small")),
        ("/api/show", {"model": "small"}, Asked("small")),
    ],
)
def test_what_can_stream_does_so_unless_it_is_told_not_to(path: str, body: Any, asked: Asked) -> None:
    assert read(path, body)[0] == asked


@pytest.mark.parametrize("path", ["pull", "push", "create", "copy", "blobs/sha256:ab12", "me", "signout"])
def test_what_manages_the_host_is_no_call(path: str) -> None:
    assert OLLAMA.operation(view(f"/api/{path}", {"model": "small"})) is None
    assert OLLAMA.operation(view("/api/delete", {"model": "small"}, "DELETE")) is None


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (CHAT, [], Malformed),
        (CHAT, {"model": "small"}, Malformed),
        (CHAT, {"messages": MESSAGES}, Malformed),
        (CHAT, chat(stream="no"), Malformed),
        (GENERATE, {"model": "small", "context": [1, 2]}, Unsupported),
        ("/api/embed", {"model": "small"}, Malformed),
        ("/api/embeddings", {"model": "small"}, Malformed),
        ("/api/show", {"name": 7}, Malformed),
        ("/api/show", [], Malformed),
    ],
)
def test_what_cannot_be_inspected_is_refused(path: str, body: Any, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(path, body)


@pytest.mark.parametrize("name", ["Model", "MODEL", "Context", "\u017ftream", "\u212aeep_alive"])
def test_a_name_that_go_would_take_for_another_is_refused(name: str) -> None:
    with pytest.raises(Malformed, match="member-case"):
        read(CHAT, chat(**{name: "large"}))
    with pytest.raises(Malformed, match="member-case"):
        read(CHAT, chat(messages=[{name: "large"}]))


def test_arguments_are_somebodys_own_json() -> None:
    call = {"function": {"name": "f", "arguments": {"Model": "Ann", "days": 1}}}
    _, said = read(CHAT, chat(messages=[{"role": "assistant", "tool_calls": [call]}]))
    roles = {text.pointer.removeprefix("/messages/0/tool_calls/0/function"): text.role for text in said.texts}

    assert roles["/name"] is Role.PARAMETER
    assert roles["/arguments/Model"] is Role.CONTENT
    assert roles["/arguments/days"] is Role.NUMBER


def test_images_are_told_apart() -> None:
    _, said = read(CHAT, chat(messages=[{"role": "user", "content": "look", "images": ["iVBORw0KGgo="]}]))

    assert [one.kind for one in said.not_inspected] == ["image"]


def test_the_answer_is_one_text_and_a_thought_ends_when_it_goes_on() -> None:
    stream = Answer()

    def names(content: str, thinking: str = "") -> tuple[list[str], tuple[str, ...]]:
        event = stream.read(frame({"role": "assistant", "content": content, "thinking": thinking}))
        runs = {pointer: run.name for pointer, run in event.runs.items()}
        return [runs["/message/content"], runs["/message/thinking"]], event.ended

    (answer, thought), none = names("", "a")
    assert names("b", "c") == ([answer, thought], none)
    assert none == ()
    again, ended = names("d")
    assert again == [answer, thought]
    assert thought.startswith(ended)
    assert not answer.startswith(ended)
    assert names("", "e")[0] != [answer, thought]
    assert names("f", "g")[0][0] == answer


@pytest.mark.parametrize(
    ("data", "last"),
    [
        (frame({"content": ""}), False),
        (frame({"content": ""}, done=True), True),
        (json.dumps({"error": "no such model"}), True),
    ],
)
def test_done_or_an_error_is_the_last_that_is_said(data: str, last: bool) -> None:
    assert Answer().read(data).last is last


@pytest.mark.parametrize("data", ["[]", '"x"', "1"])
def test_a_frame_that_is_no_object_is_refused(data: str) -> None:
    with pytest.raises(BadReply, match="stream-shape"):
        Answer().read(data)


def test_what_says_the_conversation_in_numbers_never_comes_back() -> None:
    reply = {"model": "small", "response": "hello", "done": True, "context": [1, 2, 3]}

    assert OLLAMA.named("generate").read_reply(json.dumps(reply).encode()).dropped == ("/context",)
    assert Answer().read(json.dumps(reply)).dropped == ("/context",)


@pytest.mark.parametrize(
    ("logprobs", "exact"),
    [
        ([{"token": "Ma", "bytes": [77, 97]}, {"token": "ria"}], True),
        ([{"token": "Maria", "top_logprobs": [{"token": "Mo", "bytes": [77, 111]}]}], True),
        ([{"token": "Maria", "top_logprobs": [{"token": "Mo", "bytes": [77, 97]}]}], False),
        ([{"token": "Maria", "bytes": [77]}], False),
        ([{"token": "Ma"}], False),
        ([{"token": 7}], False),
        ({"token": "Maria"}, False),
        (["Maria"], False),
        ([], False),
    ],
)
def test_tokens_go_where_the_text_that_they_spell_is_masked(logprobs: Any, exact: bool) -> None:
    said = OLLAMA.named("chat").read_reply(frame({"content": "Maria"}, logprobs=logprobs).encode())
    event = Answer().read(frame({"content": "Maria"}, logprobs=logprobs))

    for told in (said, event):
        spelled = {where for one in told.spelled.values() for spelt in one for where in spelt.places}
        assert (spelled, told.dropped) == (({"/logprobs"}, ()) if exact else (set(), ("/logprobs",)))


def test_a_refusal_is_an_error_in_words() -> None:
    refused = Forbidden("cut-off", "This identity was cut off.", because=("rule-a",))
    said = json.loads(OLLAMA.refusal(refused, "e1")[1])
    line = Lines().encode(OLLAMA.named("chat").error_frame(OLLAMA.problem(refused, "e1")))

    assert said["error"] == "weighlock: This identity was cut off. [rule-a]"
    assert said["status"] == 403
    assert json.loads(line) == {"error": said["error"]}


def test_the_client_reads_a_stream_and_raises_on_what_ends_it() -> None:
    """A frame that is masked is one line to it, as the model host's was."""
    masker = StreamMasker(Lines(), Answer(), 1 << 20)
    texts = masker.feed(b'{"message":{"role":"assistant","content":"a SECRET\\u2028b"},"done":false}\n{"done":true}\n')
    line, _ = masker.release({text.pointer: [Rewrite(2, 8, "<X>")] for text in texts if "SECRET" in text.value})
    cut_off = OLLAMA.says(Forbidden("cut-off", "This identity was cut off."), "e1")
    data = line + Lines().encode(OLLAMA.named("chat").error_frame(cut_off))
    client = Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=data)))

    frames = client.chat("small", stream=True)
    assert next(frames).message.content == "a <X>\u2028b"
    with pytest.raises(ResponseError, match="cut off"):
        next(frames)
