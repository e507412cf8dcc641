"""What holds for every framing: the frames do not depend on the cutting, and what is written is read again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import BadReply
from weighlock.wire.array import Array
from weighlock.wire.framing import LIMIT, Frame, Framing
from weighlock.wire.lines import Lines
from weighlock.wire.sse import Sse

FRAMINGS = [Sse, Lines, Array]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=5)


def written(framing: Framing, frames: list[Frame]) -> bytes:
    return b"".join(framing.encode(frame) for frame in frames) + framing.close()


def read(framing: Framing, parts: list[bytes]) -> list[Frame]:
    return [frame for part in parts for frame in framing.feed(part)] + framing.finish()


@pytest.mark.parametrize("make", FRAMINGS)
@given(values=OBJECTS, ascii_only=st.booleans(), data=st.data())
def test_what_is_written_is_read_again_however_it_is_cut(
    make: Callable[[], Framing], values: list[object], ascii_only: bool, data: st.DataObject
) -> None:
    frames = [Frame(json.dumps(value, ensure_ascii=ascii_only)) for value in values]
    wire = written(make(), frames)
    at = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    parts = [wire[i:j] for i, j in zip([0, *at], [*at, len(wire)], strict=True)]

    assert read(make(), parts) == frames
    assert read(make(), [bytes([byte]) for byte in wire]) == frames


@pytest.mark.parametrize(
    ("make", "wire", "data"),
    [
        (Lines, b'{"a":1}\r\n\r\n  \n{"b":2}', ['{"a":1}', '{"b":2}']),
        (Array, b' [\n {"a": "}]{\\"" }\n,\r\n{"b":[{}]}\n]\n', ['{"a": "}]{\\"" }', '{"b":[{}]}']),
        (Array, b"[]", []),
    ],
)
def test_frames_keep_their_own_spelling(make: Callable[[], Framing], wire: bytes, data: list[str]) -> None:
    assert [frame.data for frame in read(make(), [wire])] == data


@pytest.mark.parametrize(
    ("make", "wire"),
    [
        (Lines, b'"\xff"\n'),
        (Lines, b'"\xc3"'),
        (Lines, b"x" * (LIMIT + 1)),
        (Sse, b"data: " + b"x" * (LIMIT + 1)),
        (Array, b'[{"a": "' + b"x" * (LIMIT + 1)),
        (Array, b'[{"a":"\xff"}]'),
        (Array, b""),
        (Array, b"["),
        (Array, b'[{"a":1}'),
        (Array, b'[{"a":1},'),
        (Array, b'[{"a":1}{"b":2}]'),
        (Array, b'[{"a":1},,{"b":2}]'),
        (Array, b'[,{"a":1}]'),
        (Array, b'[{"a":1},]'),
        (Array, b"[1]"),
        (Array, b'{"a":1}'),
        (Array, b'[{"a":1}] x'),
    ],
    ids=lambda value: getattr(value, "__name__", None) or repr(value[:20]),
)
def test_what_is_broken_is_refused(make: Callable[[], Framing], wire: bytes) -> None:
    with pytest.raises(BadReply):
        read(make(), [wire])


@pytest.mark.parametrize("make", FRAMINGS)
def test_a_frame_shows_no_text_of_its_own(make: Callable[[], Framing]) -> None:
    assert "Maria" not in repr(Frame("Maria", "Maria", "Maria"))
