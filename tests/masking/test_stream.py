"""The law: what leaves is the same for every way of cutting the stream, equals the masked whole, and leaks nothing."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counting import instructions
from weighlock.dialects import llamacpp
from weighlock.dialects.anthropic_stream import MessageStream
from weighlock.dialects.gemini_stream import GenerateStream
from weighlock.dialects.ollama import Answer
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.dialects.openai_media import TranscriptStream
from weighlock.dialects.openai_responses_stream import ResponseStream
from weighlock.dialects.tgi import TokenStream
from weighlock.errors import Refused
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.stream import OPEN, StreamMasker, touched
from weighlock.model import Text
from weighlock.segments import split
from weighlock.wire.framing import Framing
from weighlock.wire.lines import Lines
from weighlock.wire.shape import Spelled, StreamShape
from weighlock.wire.sse import Sse

SECRET = re.compile(r"S+E*C*")
"""What the masker of these tests hides: it can be cut anywhere."""


def rewrites(value: str) -> list[Rewrite]:
    return [Rewrite(match.start(), match.end(), f"<{match.end() - match.start()}>") for match in SECRET.finditer(value)]


def masked(value: str) -> str:
    return "".join(apply(segment, rewrites(segment)) for segment in split(value))


def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None) -> str:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": [choice]})


def stream_of(deltas: list[tuple[int, str, str]], done: bool = True) -> bytes:
    """*deltas* are (choice, member, text); `tool` is the arguments of a tool call."""
    events = []
    for index, member, text in deltas:
        call = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
        events.append(chunk(call if member == "tool" else {member: text}, index))
    events += [chunk({}, index, "stop") for index in sorted({index for index, _, _ in deltas})]
    if done:
        events.append("[DONE]")
    return b"".join(f"data: {event}\n\n".encode() for event in events)


def run(parts: list[bytes], limit: int = 1 << 20, safe: Callable[[str], int] | None = None) -> bytes:
    masker = StreamMasker(Sse(), ChatStream(), limit, safe=safe)
    out = b""

    def release(texts: tuple[Text, ...]) -> bytes:
        return b"".join(masker.release({text.pointer: found for text in texts if (found := rewrites(text.value))}))

    for part in parts:
        out += release(masker.feed(part))
    return out + release(masker.finish())


def windows(data: bytes) -> dict[tuple[int, str], str]:
    reader = Sse()
    texts: dict[tuple[int, str], str] = defaultdict(str)
    for event in [*reader.feed(data), *reader.finish()]:
        if event.data == "[DONE]":
            continue
        choice = json.loads(event.data)["choices"][0]
        for member, value in choice["delta"].items():
            if member == "tool_calls":
                texts[choice["index"], "tool"] += value[0]["function"]["arguments"]
            else:
                texts[choice["index"], member] += value
    return {name: text for name, text in texts.items() if text}


PIECES = st.text(alphabet="SECab .\n😀1", max_size=30) | st.just("A longer sentence, so that there is a place to cut. ")
DELTAS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["content", "reasoning_content", "tool"]), PIECES), max_size=12
)


@settings(max_examples=300, deadline=None)
@given(DELTAS, st.data())
def test_every_cutting_gives_the_masked_whole_and_shows_nothing_else(
    deltas: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    stream = stream_of(deltas)
    whole: dict[tuple[int, str], str] = defaultdict(str)
    for index, member, text in deltas:
        whole[index, member] += text
    expected = {name: text for name, value in whole.items() if (text := masked(value))}
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))

    cut = run([stream[i:j] for i, j in zip([0, *at], [*at, len(stream)], strict=True)])

    assert windows(cut) == expected
    assert cut == run([stream])
    assert not any("S" in text for text in windows(cut).values())


def test_byte_by_byte_gives_the_same() -> None:
    deltas = [
        (0, "content", "It is SSE"),
        (1, "content", "no"),
        (0, "content", "CC indeed. Ü"),
        (0, "tool", '{"a": "SEC"}'),
    ]
    stream = stream_of(deltas)

    assert run([bytes([byte]) for byte in stream]) == run([stream])
    texts = windows(run([stream]))
    assert texts == {(0, "content"): "It is <5> indeed. Ü", (1, "content"): "no", (0, "tool"): '{"a": "<3>"}'}


def test_a_clean_stream_leaves_with_its_data_as_it_came() -> None:
    odd = b'data: {"choices":[ {"delta":{"content":"a\\u0062"},"index":0}],  "x":1.50}\n\ndata: [DONE]\n\n'

    assert run([odd]) == odd


def test_nothing_of_an_unfinished_segment_leaves_before_it_is_inspected() -> None:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20)
    texts = masker.feed(stream_of([(0, "content", "not yet a segment")])[:-60])

    assert all(text.value != "not yet a segment" for text in texts)
    assert b"not yet" not in b"".join(masker.release({}))


def test_a_value_outside_the_deltas_is_masked_too() -> None:
    event = json.loads(chunk({"role": "assistant"})) | {"note": "a SEC here"}
    out = run([f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()])

    assert b"a <3> here" in out


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (stream_of([(0, "content", "half SE")], done=False), "stream-truncated"),
        (stream_of([(0, "content", "half SE")])[:-70], "stream-truncated"),
        (stream_of([(0, "content", "x")]) + stream_of([(0, "content", "y")]), "stream-after-end"),
        (f"data: {chunk({}, 0, 'stop')}\n\ndata: {chunk({'content': 'more'})}\n\n".encode(), "stream-after-end"),
        (b"data: {not json}\n\n", "stream-unreadable"),
        (b'data: {"a":1,"a":2}\n\n', "stream-unreadable"),
        (b'data: {"choices": "none"}\n\n', "stream-shape"),
        (b'data: {"choices": [{"index": "0", "delta": {"content": "x"}}]}\n\n', "stream-shape"),
        (stream_of([(0, "content", "x" * 3000)]), "stream-bound"),
    ],
)
def test_a_stream_that_cannot_be_trusted_ends_and_stays_dead(stream: bytes, code: str) -> None:
    masker = StreamMasker(Sse(), ChatStream(), 2000)

    def whole() -> None:
        masker.release({text.pointer: rewrites(text.value) for text in masker.feed(stream)})
        masker.finish()

    with pytest.raises(Refused) as refused:
        whole()

    assert refused.value.code == code
    for again in (lambda: masker.feed(b"data: x\n\n"), masker.finish, lambda: masker.release({})):
        with pytest.raises(Refused):
            again()


def before_the_secret(text: str) -> int:
    """What of an open segment no finding of these tests can touch: an S may begin one."""
    found = SECRET.search(text)
    return found.start() if found else len(text)


@given(DELTAS, st.data())
def test_what_leaves_early_makes_no_difference_to_what_leaves(
    deltas: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    stream = stream_of(deltas)
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parts = [stream[i:j] for i, j in zip([0, *at], [*at, len(stream)], strict=True)]

    assert run(parts, safe=before_the_secret) == run([stream])


def test_what_no_finding_will_touch_leaves_before_its_segment_is_complete() -> None:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20, safe=before_the_secret)
    stream = stream_of([(0, "content", "It is "), (0, "content", "a SEC"), (0, "content", "RET ")]).split(b"\n\n")
    out = []
    for event in stream[:3]:
        texts = masker.feed(event + b"\n\n")
        out.append(b"".join(masker.release({text.pointer: rewrites(text.value) for text in texts})))

    assert [b"It is" in out[0], out[1], out[2]] == [True, b"", b""]


def test_a_finding_in_what_has_left_already_ends_the_stream() -> None:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20, safe=len)
    first, last = (
        f"data: {chunk(delta, 0, end)}\n\n".encode() for delta, end in (({"content": "SEC "}, None), ({}, "stop"))
    )
    masker.feed(first)
    assert b"SEC" in b"".join(masker.release({}))
    texts = masker.feed(last)

    with pytest.raises(Refused, match="stream-underflow"):
        masker.release({text.pointer: rewrites(text.value) for text in texts})


@pytest.mark.parametrize(
    ("shape", "framing", "frames"),
    [
        pytest.param(
            ChatStream(), Sse(), ['{"choices":[{"index":0,"delta":{"content":"a SEC"}}]}', "[DONE]"], id="openai"
        ),
        pytest.param(
            ResponseStream(),
            Sse(),
            [
                '{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a SEC"}',
                '{"type":"response.completed","response":{}}',
                "[DONE]",
            ],
            id="openai-responses",
        ),
        pytest.param(
            TranscriptStream(),
            Sse(),
            ['{"type":"transcript.text.delta","delta":"a SEC"}', '{"type":"transcript.text.done","text":"a SEC"}'],
            id="openai-transcript",
        ),
        pytest.param(
            MessageStream(),
            Sse(),
            [
                '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a SEC"}}',
                '{"type":"message_stop"}',
                "[DONE]",
            ],
            id="anthropic",
        ),
        pytest.param(
            GenerateStream(),
            Sse(),
            ['{"candidates":[{"content":{"parts":[{"text":"a SEC"}]}}]}', '{"error":{"message":"no"}}'],
            id="gemini-error",
        ),
        pytest.param(
            Answer(), Lines(), ['{"response":"a SEC","done":false}', '{"response":"","done":true}'], id="ollama"
        ),
        pytest.param(
            llamacpp.ContentStream(), Sse(), ['{"content":"a SEC"}', '{"content":"","stop":true}'], id="llamacpp"
        ),
        pytest.param(
            TokenStream(),
            Sse(),
            ['{"token":{"text":"a SEC"}}', '{"token":{"text":"."},"generated_text":"a SEC."}'],
            id="tgi",
        ),
    ],
)
def test_what_ends_a_stream_leaves_though_the_model_host_never_closes_it(
    shape: StreamShape, framing: Framing, frames: list[str]
) -> None:
    masker = StreamMasker(framing, shape, 1 << 20)
    end = b"\n" if isinstance(framing, Lines) else b"\n\n"
    data = b"".join((b"" if isinstance(framing, Lines) else b"data: ") + frame.encode() + end for frame in frames)

    texts = masker.feed(data)
    out = b"".join(masker.release({text.pointer: found for text in texts if (found := rewrites(text.value))}))

    assert out == data.replace(b"SEC", b"<3>")
    assert not masker.holds


@pytest.mark.parametrize(
    ("member", "piece"), [("tool", "words "), ("content", "A SEC is here. ")], ids=["held", "masked"]
)
def test_a_long_stream_takes_no_more_work_for_each_event_than_a_short_one(member: str, piece: str) -> None:
    """It is done on the event loop: twenty thousand pieces of a tool's arguments took it for half a minute."""
    long, short = ([e + b"\n\n" for e in stream_of([(0, member, piece)] * n).split(b"\n\n")] for n in (800, 80))

    assert 8 < instructions(lambda: run(long[:-1]), "masking") / instructions(lambda: run(short[:-1]), "masking") < 11


def test_what_repeats_a_long_text_takes_no_more_work_for_each_piece() -> None:
    def places(size: int) -> set[str]:
        spelled = [Spelled(at, at + 3, (str(at),)) for at in range(size)]
        return touched(spelled, [Rewrite(at, at + 2, "") for at in range(0, size, 4)])

    assert places(9) == {"0", "1", "2", "3", "4", "5", "6", "7", "8"}
    assert 8 < instructions(lambda: places(800), "masking") / instructions(lambda: places(80), "masking") < 11


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4))))
def test_what_is_masked_in_part_is_touched(bounds: list[int], pieces: list[tuple[int, int]]) -> None:
    bounds.sort()
    masks = [Rewrite(start, end, "") for start, end in zip(bounds[::2], bounds[1::2], strict=False)]
    spelled = [Spelled(start, start + size, (f"{start} {size}",)) for start, size in pieces]

    expected = {one.places[0] for one in spelled for r in masks if r.start < one.end and r.end > one.start}
    assert touched(spelled, masks) == expected


def test_more_texts_than_anybody_says_at_once_end_a_stream() -> None:
    with pytest.raises(Refused, match="stream-bound"):
        run([stream_of([(index, "content", "x") for index in range(OPEN + 1)])])
