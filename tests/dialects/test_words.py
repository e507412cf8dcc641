"""Words of an API come whole, as the names of tools do; a client joins them where they come in pieces all the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta

from weighlock.dialects.anthropic_stream import MessageStream
from weighlock.dialects.gemini_stream import GenerateStream
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.dialects.openai_responses_stream import ResponseStream
from weighlock.errors import BadReply
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Role, Text
from weighlock.wire.shape import StreamShape
from weighlock.wire.sse import Sse

SECRET = re.compile("S+E*C*")


def found(text: Text) -> list[Rewrite]:
    changes = [Rewrite(match.start(), match.end(), "X") for match in SECRET.finditer(text.value)]
    if changes and not text.role.rewritable:
        raise BadReply("reply-not-maskable", "It cannot be masked.")
    return changes


class Through:
    """What leaves of a stream, event by event."""

    def __init__(self, shape: StreamShape) -> None:
        self._masker = StreamMasker(Sse(), shape, 1 << 20)
        self.roles: set[Role] = set()

    def send(self, event: Any) -> list[Any]:
        data = event if isinstance(event, str) else json.dumps(event)
        return self._release(self._masker.feed(f"data: {data}\n\n".encode()))

    def finish(self) -> list[Any]:
        return self._release(self._masker.finish())

    def _release(self, texts: tuple[Text, ...]) -> list[Any]:
        self.roles |= {text.role for text in texts}
        out = b"".join(self._masker.release({text.pointer: found(text) for text in texts if found(text)}))
        reader = Sse()
        return [json.loads(event.data) for event in reader.feed(out) if event.data.startswith("{")]


def chunk(delta: dict[str, Any]) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def call(member: str = "", text: str = "", arguments: str | None = None, index: int = 0) -> dict[str, Any]:
    function = {} if arguments is None else {"arguments": arguments}
    said: dict[str, Any] = {"index": index, "function": function}
    if member:
        (said if member == "id" else function)[member] = text
    return chunk({"tool_calls": [said]})


def messages(events: list[Any]) -> Any:
    """As the SDK puts the deltas together."""
    joined: dict[Any, Any] = {}
    for event in events:
        joined = accumulate_delta(joined, event["choices"][0]["delta"])
    return joined


@given(
    st.text("SECget_ ", min_size=1, max_size=12).flatmap(
        lambda name: st.tuples(st.just(name), st.lists(st.integers(0, len(name)), max_size=4).map(sorted))
    ),
    st.sampled_from(["name", "id"]),
)
def test_the_name_of_a_call_is_masked_alike_however_it_is_cut(cut: tuple[str, list[int]], member: str) -> None:
    name, cuts = cut
    pieces = [name[start:end] for start, end in zip([0, *cuts], [*cuts, len(name)], strict=True)]
    through = Through(ChatStream())

    out = [event for piece in pieces for event in through.send(call(member, piece))]
    assert not re.search("[SEC]", json.dumps(out))
    out += through.send(call(arguments="{}")) + through.send("[DONE]") + through.finish()

    function = messages(out)["tool_calls"][0]
    assert (function if member == "id" else function["function"])[member] == SECRET.sub("X", name)
    assert through.roles <= {Role.PARAMETER, Role.NUMBER}, "no model reads names of tools"


def test_names_leave_as_soon_as_the_arguments_begin() -> None:
    through = Through(ChatStream())
    first, second = call("name", "find"), call("name", "_it", arguments="{")

    assert through.send(first) == []
    assert through.send(second) == [first]
    assert through.send(call(arguments="}")) == []
    assert len(through.send("[DONE]")) == 2


def test_of_two_calls_each_has_its_own_name() -> None:
    through = Through(ChatStream())
    events = [call("name", "S", "{}", index=0), call("name", "EC", "{}", index=1)]

    out = [*through.send(events[0]), *through.send(events[1]), *through.send("[DONE]")]

    assert [one["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] for one in out] == ["X", "EC"]


def test_a_word_that_is_said_again_passes() -> None:
    through = Through(ChatStream())
    events = [chunk({"role": "assistant", "content": "a. "}), *[call("name", "find", "1")] * 3]

    out = [sent for event in [events[0], *events] for sent in through.send(event)] + through.send("[DONE]")

    assert out == [events[0], *events]


def test_a_call_that_comes_before_one_that_began_ends_the_stream() -> None:
    """Clients put a call at its place in a list: there it would be joined with another that stands there already."""
    assert messages([call("name", "S", index=1), call("name", "EC", index=0)])["tool_calls"][0]["function"]["name"] == (
        "SEC"
    )
    through = Through(ChatStream())
    through.send(call("name", "S", "{}", index=1))

    with pytest.raises(BadReply, match="stream-shape"):
        through.send(call("name", "EC", "{}", index=0))


GEMINI_CALL = {"functionCall": {"name": "f", "args": {"a": "S"}}}


def gemini(part: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"index": 0, "content": {"parts": [part]}}]}


@pytest.mark.parametrize(
    ("shape", "events"),
    [
        pytest.param(ChatStream, [chunk({"role": "S"}), chunk({"role": "EC"})], id="role"),
        pytest.param(ChatStream, [chunk({"audio": {"id": "S"}}), chunk({"audio": {"id": "EC"}})], id="audio"),
        pytest.param(ChatStream, [call("name", "S", "{}"), call("name", "EC")], id="name behind its arguments"),
        pytest.param(
            ChatStream,
            [chunk({"annotations": [{"index": 0, "url_citation": {"title": said}}]}) for said in ("S", "EC")],
            id="annotation with an index",
        ),
        pytest.param(
            MessageStream,
            [
                {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "S"}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "x", "id": "EC"}},
            ],
            id="anthropic",
        ),
        pytest.param(
            ResponseStream,
            [
                {"type": "response.x.delta", "output_index": 0, "delta": {"role": "S"}},
                {"type": "response.x.delta", "output_index": 0, "delta": {"role": "EC"}},
            ],
            id="responses",
        ),
        pytest.param(
            GenerateStream, [gemini(GEMINI_CALL), gemini({"functionCall": {"args": {"a": "EC"}}})], id="gemini"
        ),
    ],
)
def test_what_is_only_seen_when_words_of_events_are_joined_ends_the_stream(
    shape: type[StreamShape], events: list[Any]
) -> None:
    through = Through(shape())
    through.send(events[0])

    with pytest.raises(BadReply, match="reply-not-maskable"):
        through.send(events[1])


def test_words_without_end_end_the_stream() -> None:
    through = Through(ChatStream())
    words = (through.send(chunk({"role": f"role {number}"})) for number in range(1000))

    with pytest.raises(BadReply, match="stream-shape"):
        list(words)


@pytest.mark.parametrize(("holder", "member"), [("executableCode", "code"), ("codeExecutionResult", "output")])
def test_code_that_comes_in_parts_is_one_text(holder: str, member: str) -> None:
    through = Through(GenerateStream())
    pieces = ["a S", "E", "C. "]
    out = [sent for piece in pieces for sent in through.send(gemini({holder: {"language": "PYTHON", member: piece}}))]
    assert out == []

    out = through.send(gemini({"text": "behind it"}))

    said = [event["candidates"][0]["content"]["parts"][0][holder] for event in out]
    assert "".join(one[member] for one in said) == "a X. "
    assert {one["language"] for one in said} == {"PYTHON"}
