"""Pseudonyms in a reply become what they stand for, also where the model wrote them its own way.

It may have changed case, put spaces, marks of Markdown or escapes inside, joined words or parted them, taken the angle
brackets away, or written signs and letters as a web page, an address or another keyboard would. What is not whole, by
entity and tag, stays as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote

from weighlock.masking.apply import Rewrite
from weighlock.masking.reflow import Plain, plainly
from weighlock.masking.vault import Kept, Vault
from weighlock.segments import split

_TAG = re.compile(r"[0-9A-Fa-f]{8}(?![0-9A-Za-z])")
_GAP = r"[\s_*`~]{0,6}"
_OPEN = rf"(?:(?P<open><){_GAP}|(?<![0-9A-Za-z_])(?P<emphasis>_{{1,2}})?)"
_CLOSE = re.compile(rf"{_GAP}>")
_APART = r"[\s_*`~-]"
_MARKS = re.compile(r"\*+|`+|~+")
_ENCODED = re.compile(r"%[2-7][0-9A-Fa-f]")
_REACH = 160
"""Characters before a tag in which its entity begins."""


def restored(text: str, vault: Vault, may: Callable[[Kept], bool]) -> tuple[tuple[Rewrite, Kept], ...]:
    """The places of pseudonyms in *text* that *may* be restored, with what each becomes; sorted, without overlap.

    None goes over the end of a segment, as in a stream none can.
    """
    found: list[tuple[Rewrite, Kept]] = []
    begin = 0
    for segment in split(text) if _TAG.search(plainly(text).text) else ():
        end = 0
        for start, stop, kept in _places(segment, vault, may):
            first, last = _balanced(segment, start, stop)
            first = first if first >= end else start
            if first >= end:
                encoded = _ENCODED.search(segment, first, last)
                new = quote(kept.value, safe="") if encoded else kept.value
                found.append((Rewrite(begin + first, begin + last, new), kept))
                end = last
        begin += len(segment)
    return tuple(found)


def merged(masks: Sequence[Rewrite], restores: Sequence[tuple[Rewrite, Kept]]) -> tuple[list[Rewrite], list[Kept]]:
    """Both together, each sorted and without overlap. What is masked within a pseudonym is the pseudonym itself; any
    other mask over one stands.
    """
    ends = [mask.end for mask in masks]
    taken: list[tuple[Rewrite, Kept]] = []
    gone: set[int] = set()
    for own, kept in restores:
        first = last = bisect_right(ends, own.start)
        while last < len(masks) and masks[last].start < own.end:
            last += 1
        if all(own.start <= mask.start and mask.end <= own.end for mask in masks[first:last]):
            taken.append((own, kept))
            gone.update(range(first, last))
    left = [mask for number, mask in enumerate(masks) if number not in gone]
    return sorted([*left, *(own for own, _ in taken)], key=lambda change: change.start), [kept for _, kept in taken]


def _places(segment: str, vault: Vault, may: Callable[[Kept], bool]) -> Iterator[tuple[int, int, Kept]]:
    """Where pseudonyms stand in *segment*."""
    plain = plainly(segment)
    for tag in _TAG.finditer(plain.text):
        for kept in vault.tagged(tag[0].lower()):
            span = _span(plain, tag, kept)
            if span and may(kept):
                yield *plain.origin(*span), kept


def _span(plain: Plain, tag: re.Match[str], kept: Kept) -> tuple[int, int] | None:
    """Of all that is the pseudonym with this *tag*; None where it is not whole."""
    text, end = plain.text, tag.end()
    reach = max(0, tag.start() - _REACH)
    before = _entity(kept.finding.entity).search(text, reach, tag.start())
    if before is None:
        return None
    if before["open"]:
        close = _CLOSE.match(text, end)
        return before.start(), close.end() if close else end
    emphasis = before["emphasis"] or ""
    behind = text[end + len(emphasis) : end + len(emphasis) + 1]
    if emphasis and (not text.startswith(emphasis, end) or behind.isalnum() or behind == "_"):
        return None
    return before.start("name"), end


def _balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """With the other one of a pair of marks that has one within: without it, that would be left alone."""
    marks = _MARKS.findall(text[start:end])
    for mark in dict.fromkeys(marks):
        if marks.count(mark) % 2 == 1:
            if text.endswith(mark, 0, start):
                start -= len(mark)
            elif text.startswith(mark, end):
                end += len(mark)
    return start, end


@lru_cache(maxsize=256)
def _entity(entity: str) -> re.Pattern[str]:
    """*entity* at the end of a text, with what joins it to its tag."""
    name = f"{_APART}{{0,6}}".join(map(re.escape, entity.split("_")))
    return re.compile(rf"{_OPEN}(?P<name>{name}){_APART}{{0,8}}\Z", re.IGNORECASE | re.ASCII)
