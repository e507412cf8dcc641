"""A recorded response, told again piece by piece at its own pace."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator

from weighlock.replay.contents import Contents, Open, View, contents
from weighlock.replay.recorded import Recorded, comment

Step = tuple[float, str, bool]
"""Seconds to wait, what to show then, and whether it is an aside: about the response, and not of it."""


def steps(recorded: Recorded, open_payload: Open, view: View) -> Iterator[Step]:
    """ConfigError where a payload cannot be opened. What is shown can do nothing to a terminal."""
    opened = contents(recorded, open_payload, view)
    yield 0, f"-- {recorded.id} · {comment(recorded)}\n", True
    if opened.response is None:
        yield 0, "-- no response is recorded\n", True
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    before, ending = 0.0, "\n"
    for at, data in _timed(recorded, opened):
        text = shown(decoder.decode(data))
        ending = text[-1:] or ending
        yield max(0.0, at - before), text, False
        before = max(before, at)
    rest = shown(decoder.decode(b"", final=True))
    yield 0, rest if (rest[-1:] or ending) == "\n" else f"{rest}\n", False


def _timed(recorded: Recorded, opened: Contents) -> Iterator[tuple[float, bytes]]:
    """Seconds since the exchange began, and what was said then."""
    for at, data in opened.pieces:
        yield at / 1000, data
    for one in opened.said or ():
        yield one.at - recorded.began, (b"> " if one.from_client else b"< ") + one.text + b"\n"


def shown(text: str) -> str:
    """*text* with every control character replaced: a model's words must not move a cursor or set a title."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf") else "�" for c in text)
