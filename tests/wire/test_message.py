from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import Malformed
from weighlock.wire import message

_NAMES = st.text(st.characters(codec="latin-1", exclude_categories=("Cc", "Z"), exclude_characters=":"), min_size=1)
_VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"))
_STARTS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), min_size=1)


@given(_STARTS, st.lists(st.tuples(_NAMES, _VALUES)).map(tuple), st.binary())
def test_every_message_reads_back_as_it_was(start: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    assert message.decode(message.encode(start, headers, body)) == (start, headers, body)


def test_a_message_looks_as_it_does_on_the_wire() -> None:
    data = message.encode("GET / HTTP/1.1", (("Host", "llm.example"), ("x", "")), b"\r\n\r\nbody")

    assert data == b"GET / HTTP/1.1\r\nHost: llm.example\r\nx: \r\n\r\n\r\n\r\nbody"


def test_bytes_of_a_path_that_are_no_utf8_are_kept() -> None:
    start = b"GET /\xff HTTP/1.1".decode("utf-8", "surrogateescape")

    assert message.decode(message.encode(start, (), b""))[0] == start


@pytest.mark.parametrize("start", ["", "GET /\r\nx: y", "GET /\n", "GET /\0"])
def test_a_start_line_that_would_be_more_than_one_line_is_refused(start: str) -> None:
    with pytest.raises(Malformed):
        message.encode(start, (), b"")


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a b", "x"), ("a:", "x"), ("a\r\nb", "x"), ("a", "x\r\ny: z"), ("a", "x\n"), ("a", "\0"), ("a", "€")],
)
def test_a_header_field_that_would_not_read_back_is_refused(name: str, value: str) -> None:
    with pytest.raises(Malformed):
        message.encode("GET / HTTP/1.1", ((name, value),), b"")


def test_a_refusal_quotes_nothing() -> None:
    with pytest.raises(Malformed) as caught:
        message.encode("GET / HTTP/1.1", (("secret-name", "secret-value€"),), b"")

    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n", b"\r\n\r\n", b"GET /\r\nno colon\r\n\r\n", b"a\r\n: b\r\n\r\n"]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        message.decode(data)
