"""What was found in the views of a text, as hits in the text itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from weighlock.detection.resolve import Hit
from weighlock.detection.views import JOINED, TURNED, View
from weighlock.model import ENCODED

_MARGIN = 256
_BROKEN = frozenset({"spoken", "unwrapped"}) | TURNED - {"lettered"}
"""Views that no name is looked for in."""
_SIGNS = re.compile(r"[^\w\s]{5,}")
_DENSE, _NO_WORD = re.compile(r"\S{129,}"), re.compile(r"\W")
_COLUMN = re.compile(r"(?:\S{1,3}\n){16,}")
_SIGN = re.compile(r"[A-Za-z0-9][._+-]+[A-Za-z0-9]")


def readable(text: str, shown: Sequence[View]) -> View:
    """The view in which names are looked for: the plainest that is not much longer, as reading is dear."""
    plain = [view for view in shown if view.name not in _BROKEN and len(view.text) <= max(2 * len(text), _MARGIN)]
    return plain[-1] if plain else View("raw", text)


def words(text: str) -> str:
    """*text* for a model, every character in its place, without what takes it long and is no name: runs of signs, which
    are cut off one by one, and lines of a character or two.
    """
    text = _SIGNS.sub(lambda run: " " * len(run[0]), text)
    text = _DENSE.sub(lambda run: _NO_WORD.sub(" ", run[0]), text)
    return _COLUMN.sub(lambda run: run[0].replace("\n", " "), text)


def hits(text: str, shown: Sequence[View], search: Callable[[View], Iterable[Hit]]) -> Iterator[Hit]:
    """What *search* finds in *text* and in the views of it that are *shown*, at its place in *text*."""
    found: list[Hit] = []
    for view in (View("raw", text), *shown):
        new = [
            _placed(text, view, hit) for hit in search(view) if view.name not in JOINED | TURNED or _proven(view, hit)
        ]
        if view.name == "unwrapped":
            new = [hit for hit in new if _one_broken(text, hit) and not any(_told(text, hit, other) for other in found)]
        found += new
    yield from found


def _proven(view: View, hit: Hit) -> bool:
    """Joining what stands apart by chance makes values that nobody wrote. What has a checksum or a word of its own
    counts, and only where it is all that was joined.
    """
    if view.name == "unwrapped":
        return hit.strict and view.parted(hit.start, hit.end)
    if not view.changed(hit.start, hit.end):
        return True
    if view.name == "parted":
        return hit.strict
    named = hit.entity == "PERSON" or (view.name == "lettered" and hit.entity == "EMAIL_ADDRESS")
    return (hit.strict or named) and view.replaced(hit.start, hit.end)


def _placed(text: str, view: View, hit: Hit) -> Hit:
    start, end = view.origin(hit.start, hit.end)
    value = view.text[hit.start : hit.end]
    if text[start:end] == value:
        return replace(hit, start=start, end=end)
    name = ENCODED if view.comes_from(ENCODED, hit.start, hit.end) else view.name
    return replace(hit, start=start, end=end, view=name, value=value)


def _one_broken(text: str, hit: Hit) -> bool:
    """Whether it looks like one value in two lines: not bare digits, and with space before and behind it."""
    around = text[max(0, hit.start - 1) : hit.start] + text[hit.end : hit.end + 1]
    return not hit.value.isdigit() and not any(char.isalnum() or char in ",;|:" for char in around)


def _told(text: str, hit: Hit, other: Hit) -> bool:
    """Whether *other* says already what *hit*, over two lines, is made of: a rule's, and not a part of it that is
    worth less, or is the same with less before it, as `lopez@example.com` of an address.
    """
    if other.guess or hit.start >= other.end or other.start >= hit.end:
        return False
    within = hit.start <= other.start and other.end <= hit.end
    known = other.value or text[other.start : other.end]
    before = hit.value[: -len(known)] if hit.value.endswith(known) else ""
    longer = hit.entity == other.entity and _SIGN.search(before) is not None
    return not (within and (hit.level > other.level or longer))
