from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import FRAMES, Record, masked, refused, socketed, streamed
from weighlock.replay.contents import View
from weighlock.replay.play import shown, steps


def told(record: Record, view: View = View.MASKED) -> tuple[list[float], str]:
    """The pauses, and all that is shown of the response."""
    (one,) = record.exchanges()
    said = [step for step in steps(one, record.open, view) if not step[2]]
    return [round(pause, 3) for pause, _, _ in said if pause], "".join(text for _, text, _ in said)


def test_a_stream_is_told_at_its_own_pace() -> None:
    assert told(streamed()) == ([1.13, 0.13, 0.65], b"".join(FRAMES).decode())
    assert told(streamed(), View.UPSTREAM)[0] == [1.12, 0.13, 0.65]


def test_a_document_is_told_at_once_when_it_was_there() -> None:
    assert told(masked()) == ([2.0], '{"card":"************1111"}\n')


def test_a_websocket_is_told_from_both_sides() -> None:
    assert told(socketed()) == (
        [0.1, 1.9, 3.0],
        '< {"type":"hi"}\n> "<EMAIL_ADDRESS>"\n< {"card":"************1111"}\n',
    )


def test_where_there_is_no_response_that_is_said() -> None:
    record = refused(sent=None)
    (one,) = record.exchanges()

    assert [text for _, text, _ in steps(one, record.open, View.UPSTREAM)][-1] == "-- no response is recorded\n"


@given(st.text())
def test_nothing_that_is_shown_can_move_a_cursor(text: str) -> None:
    out = shown(text)

    assert len(out) == len(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in out if c not in "\n\t")


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "\u202eevil", "\r\x07"])
def test_terminal_sequences_are_broken(text: str) -> None:
    assert text[0] not in shown(text)
