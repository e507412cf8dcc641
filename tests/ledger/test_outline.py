from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind, PayloadRef
from weighlock.ledger.outline import outline

BODY = {"exchange": "e", "who": {"groups": ["a", "b"]}, "size": 12, "share": 0.25, "open": None, "é": '\n\t"\\'}
SAID = Entry(3, "2026-01-01T12:00:00.000Z", Kind.REQUEST, BODY, {"sent": PayloadRef("a" * 64, "b" * 64, 3, "c" * 64)})
DATA = entry.canonical(SAID)
ODD = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"e",
    b".",
    b"-",
    b"\0",
    b"\x1f",
    b"\xff",
    b"\xc3",
    b"u",
    b" ",
]


def reads(read: Any, data: bytes) -> bool:
    try:
        read(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", Kind)
def test_it_is_the_entry_with_its_body_where_that_is_about_others(kind: Kind) -> None:
    told = kind in (Kind.ERASURE, Kind.CONTROL)

    assert outline(entry.canonical(replace(SAID, kind=kind))) == replace(SAID, kind=kind, body=BODY if told else {})


@given(st.lists(st.tuples(st.integers(0, len(DATA)), st.integers(0, 3), st.sampled_from(ODD)), min_size=1, max_size=2))
@example([(DATA.index(b"{", 1), 1, b"1")])
def test_it_reads_what_is_an_entry_and_nothing_else(edits: list[tuple[int, int, bytes]]) -> None:
    data = DATA
    for at, gone, put in edits:
        data = data[:at] + put + data[at + gone :]

    assert reads(outline, data) == reads(entry.parse, data)


@pytest.mark.parametrize(
    "body",
    [
        *("[]", "1", '"a"', "null", "", "{", '{"a":01}', '{"a":"\\ud800"}', '{"a":"\\x"}', '{"a":nul}', '{"a":1,}'),
        '{"a":' + "[" * 2000 + "]" * 2000 + "}",
    ],
    ids=range(12),
)
def test_a_body_that_is_no_object_is_none(body: str) -> None:
    data = DATA.replace(DATA[DATA.index(b'"body":') + 7 : DATA.index(b',"kind"')], body.encode())

    assert not reads(outline, data)
    assert not reads(entry.parse, data)
