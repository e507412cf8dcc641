"""What a person sees of an approval: texts cut into pieces for marks, and set against what was sent before."""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from weighlock.holds import Approval, ApprovalState, Decision, Mark, Shown

LINES = 2000
"""Over so many, texts are not compared: it takes time by the square."""
WORK = 20_000_000
"""Steps that comparing words takes at most, in all lines together: a prompt can be made to take for ever."""
SIGNS = 2000
"""Characters that are not seen and are set apart; of more in one text, all are spelled within it."""
HUES = 6
_SIZES = ((1 << 20, "MiB"), (1 << 10, "KiB"))
# All controls but newline and tab, format and private characters, surrogates, separators of lines and paragraphs, the
# blank pattern, and what Unicode lets a font ignore: in variation selectors whole messages can be hidden.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
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
    return _UNSEEN.sub(lambda found: _sign(found[0]), text)


def ago(at: float, now: float) -> str:
    return f"{_span(now - at)} ago"


def left(ends: float, now: float) -> str:
    return _span(ends - now) if ends > now else "over"


def size(bytes: int) -> str:
    return next((f"{bytes / unit:.4g} {name}" for unit, name in _SIZES if bytes >= unit), f"{bytes} bytes")


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
    signs = list(itertools.islice(_UNSEEN.finditer(text), SIGNS + 1))
    if len(signs) > SIGNS:
        yield Piece(visible(text))
        return
    start = 0
    for found in signs:
        if found.start() > start:
            yield Piece(text[start : found.start()])
        yield Piece("", sign=_sign(found[0]))
        start = found.end()
    if start < len(text):
        yield Piece(text[start:])


def _sign(char: str) -> str:
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
    matcher, end, left = difflib.SequenceMatcher(None, old, new), 0, WORK
    for group in matcher.get_grouped_opcodes(2):
        if group[0][1] > end:
            yield Line("gap")
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (Line("same", ((False, line),)) for line in old[a:b])
            else:
                left -= yield from _replaced(old[a:b], new[c:d], left)
        end = group[-1][2]
    if end < len(old):
        yield Line("gap")


def _replaced(old: list[str], new: list[str], left: int) -> Generator[Line, None, int]:
    """Where one stands for the other, also which words differ. Returns the steps it took, of those *left*."""
    took, pairs = 0, list[tuple[_Pieces, _Pieces]]()
    if len(old) == len(new):
        for one, other in zip(map(_WORD.findall, old), map(_WORD.findall, new), strict=True):
            steps = _steps(one, other)
            fits = took + steps <= left
            took += steps if fits else 0
            pairs.append(_words(one, other) if fits else (((True, "".join(one)),), ((True, "".join(other)),)))
    for at, line in enumerate(old):
        yield Line("gone", pairs[at][0] if pairs else ((False, line),))
    for at, line in enumerate(new):
        yield Line("new", pairs[at][1] if pairs else ((False, line),))
    return took


type _Pieces = tuple[tuple[bool, str], ...]


def _steps(old: list[str], new: list[str]) -> int:
    """That comparing them takes at most: each match is looked for among all pairs of equal words."""
    counted = Counter(new)
    return (len(old) + len(new)) * sum(counted[word] for word in old)


def _words(old: list[str], new: list[str]) -> tuple[_Pieces, _Pieces]:
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    gone = tuple((tag != "equal", "".join(old[a:b])) for tag, a, b, _, _ in codes if b > a)
    come = tuple((tag != "equal", "".join(new[c:d])) for tag, _, _, c, d in codes if d > c)
    return gone, come
