from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import BadReply
from weighlock.wire.framing import LIMIT, Frame
from weighlock.wire.sse import Sse

STREAM = (
    "\ufeff: a comment\r\ndata: one\r\ndata:  zwei ü\r\n\r\nevent: named\ndata\nid: 7\n\nretry: 5\n\n"
    "data: 😀\rdata:x\r\rdata: [DONE]\n\n"
).encode()
EVENTS = [Frame("one\n zwei ü"), Frame("", "named", "7"), Frame("😀\nx"), Frame("[DONE]")]


def read(parts: list[bytes]) -> list[Frame]:
    reader = Sse()
    return [event for part in parts for event in reader.feed(part)] + reader.finish()


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    places = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return places.map(lambda at: [data[i:j] for i, j in zip([0, *at], [*at, len(data)], strict=True)])


def test_the_stream_is_read_as_the_standard_says() -> None:
    assert read([STREAM]) == EVENTS


def test_byte_by_byte_gives_the_same() -> None:
    assert read([bytes([byte]) for byte in STREAM]) == EVENTS


@given(cuts(STREAM))
def test_every_cutting_gives_the_same(parts: list[bytes]) -> None:
    assert read(parts) == EVENTS


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_written_is_read_again(event: Frame) -> None:
    assert read([Sse().encode(event)]) == [event]


def test_a_last_event_without_a_blank_line_counts() -> None:
    assert read([b"data: x\n"]) == [Frame("x")]
    assert read([b"data: [DONE]"]) == [Frame("[DONE]")]
    assert read([b"data: x\ndat"]) == [Frame("x")]


@pytest.mark.parametrize("data", [b"data: \xff\n\n", b"data: \xc3\n\n", b"data: \xc3"])
def test_a_broken_stream_is_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        read([data])


def test_an_endless_line_or_event_is_refused() -> None:
    with pytest.raises(BadReply, match="stream-bound"):
        Sse().feed(b"data: " + b"x" * LIMIT)
    reader = Sse()
    lines = (b"data: " + b"x" * 1000 + b"\n") * (LIMIT // 1000)
    with pytest.raises(BadReply, match="stream-bound"):
        reader.feed(lines)
