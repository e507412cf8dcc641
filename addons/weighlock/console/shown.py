"""What a person sees of an approval: texts cut into pieces for marks, and set against what was sent before."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from weighlock.holds import Approval, ApprovalState, Decision, Mark, Shown

LINES, WORDS = 2000, 400
"""Over so many, texts are not compared: it takes time by the square."""
HUES = 6
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """*entity* names what was found here; *sign* the character that would not be seen, or would turn others around."""

    text: str = field(repr=False)
    entity: str = ""
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Of a comparison: *kind* is same, new, gone or gap."""

    kind: str
    pieces: tuple[tuple[bool, str], ...] = field(default=(), repr=False)
    """Texts, and whether each is what makes the difference."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one text of the prompt: *kind* is same, new, gone, changed or long."""

    pointer: str
    kind: str
    lines: tuple[Line, ...] = field(default=(), repr=False)


def pieces(text: str, marks: Sequence[Mark] = ()) -> list[Piece]:
    """*text*, in order and whole. A mark that does not fit in it, or overlaps one before it, marks nothing."""
    found: list[Piece] = []
    at = 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        if at <= mark.start < mark.end <= len(text):
            found += _plain(text[at : mark.start])
            found.append(Piece(visible(text[mark.start : mark.end]), mark.entity))
            at = mark.end
    return [*found, *_plain(text[at:])]


def entities(prompt: Sequence[Shown]) -> dict[str, tuple[int, int]]:
    """What was found: how often, and in which hue it is shown."""
    counted = Counter(mark.entity for shown in prompt for mark in shown.marks)
    return {entity: (counted[entity], at % HUES) for at, entity in enumerate(sorted(counted))}


def visible(text: str) -> str:
    """*text* without a character that is not seen or turns others around: each is named instead."""
    return "".join(_sign(char) or char for char in text)


def ago(at: float, now: float) -> str:
    return f"{_span(now - at)} ago"


def left(ends: float, now: float) -> str:
    return _span(ends - now) if ends > now else "over"


def _span(seconds: float) -> str:
    rest = max(0, int(seconds))
    size, unit = next((one for one in ((86400, "d"), (3600, "h"), (60, "min")) if rest >= one[0]), (1, "s"))
    return f"{rest // size} {unit}"


def verbs(approval: Approval) -> list[tuple[Decision, str]]:
    """Each decision, and what it did."""
    revoked = approval.decisions[-1:] if approval.state is ApprovalState.REVOKED else ()
    return [(d, "approved" if d.approve else "revoked" if d in revoked else "denied") for d in approval.decisions]


def changes(before: Sequence[Shown], now: Sequence[Shown]) -> list[Change]:
    """What is other than before, text by text."""
    old = {shown.pointer: shown.text for shown in before}
    new = {shown.pointer: shown.text for shown in now}
    return [
        *(_change(pointer, old.get(pointer), text) for pointer, text in new.items()),
        *(_change(pointer, text, None) for pointer, text in old.items() if pointer not in new),
    ]


def _plain(text: str) -> Iterator[Piece]:
    start = 0
    for at, char in enumerate(text):
        if sign := _sign(char):
            if at > start:
                yield Piece(text[start:at])
            yield Piece("", sign=sign)
            start = at + 1
    if start < len(text):
        yield Piece(text[start:])


def _sign(char: str) -> str:
    """Empty for what can be seen."""
    if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
        return ""
    return f"[U+{ord(char):04X}]"


def _change(pointer: str, old: str | None, new: str | None) -> Change:
    if old == new:
        return Change(pointer, "same")
    if old is None or new is None:
        kind = "new" if old is None else "gone"
        text = visible(old or new or "")
        return Change(pointer, kind, tuple(Line(kind, ((False, line),)) for line in text.splitlines()[:LINES]))
    one, other = visible(old).split("\n"), visible(new).split("\n")
    if max(len(one), len(other)) > LINES:
        return Change(pointer, "long")
    return Change(pointer, "changed", tuple(_lines(one, other)))


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    matcher, end = difflib.SequenceMatcher(None, old, new), 0
    for group in matcher.get_grouped_opcodes(2):
        if group[0][1] > end:
            yield Line("gap")
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (Line("same", ((False, line),)) for line in old[a:b])
            else:
                yield from _replaced(old[a:b], new[c:d])
        end = group[-1][2]
    if end < len(old):
        yield Line("gap")


def _replaced(old: list[str], new: list[str]) -> Iterator[Line]:
    """Where one stands for the other, also which words differ."""
    paired = len(old) == len(new)
    words = [_words(one, other) for one, other in zip(old, new, strict=True)] if paired else []
    for at, line in enumerate(old):
        yield Line("gone", words[at][0] if paired else ((False, line),))
    for at, line in enumerate(new):
        yield Line("new", words[at][1] if paired else ((False, line),))


type _Pieces = tuple[tuple[bool, str], ...]


def _words(old: str, new: str) -> tuple[_Pieces, _Pieces]:
    one, other = _WORD.findall(old), _WORD.findall(new)
    if max(len(one), len(other)) > WORDS:
        return ((True, old),), ((True, new),)
    codes = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    gone = tuple((tag != "equal", "".join(one[a:b])) for tag, a, b, _, _ in codes if b > a)
    come = tuple((tag != "equal", "".join(other[c:d])) for tag, _, _, c, d in codes if d > c)
    return gone, come
