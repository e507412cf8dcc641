"""Pseudonyms in a reply become what they stand for, also where the model wrote them its own way.

It may have changed case, put spaces or markdown's escapes inside, taken the angle brackets away or written them as
HTML entities. What is not whole, by entity and tag, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from weighlock.masking.apply import Rewrite
from weighlock.masking.vault import Kept, Vault

_TAG = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?![0-9A-Za-z])")
_OPEN = r"(?:(?P<open>\\?<|&lt;|＜)\s{0,2}|(?<![0-9A-Za-z_]))"
_CLOSE = re.compile(r"\s{0,2}(?:\\?>|&gt;|＞)")
_BETWEEN = r"\s{0,2}\\?[_\s-]\s{0,2}"
_REACH = 160
"""Characters before a tag in which its entity begins."""


def restored(text: str, vault: Vault, may: Callable[[Kept], bool]) -> tuple[tuple[Rewrite, Kept], ...]:
    """The places of pseudonyms in *text* that *may* be restored, with what each becomes; sorted, without overlap."""
    found: list[tuple[Rewrite, Kept]] = []
    for match in _TAG.finditer(text):
        head = text[max(0, match.start() - _REACH) : match.start()]
        for kept in vault.tagged(match[0].lower()):
            before = _entity(kept.finding.entity).search(head)
            if before is None or not may(kept):
                continue
            end = match.end()
            if before["open"] and (close := _CLOSE.match(text, end)):
                end = close.end()
            start = match.start() - (len(head) - before.start())
            if not found or found[-1][0].end <= start:
                found.append((Rewrite(start, end, kept.value), kept))
    return tuple(found)


def merged(masks: Sequence[Rewrite], restores: Sequence[tuple[Rewrite, Kept]]) -> tuple[list[Rewrite], list[Kept]]:
    """Both together. What is masked within a pseudonym is the pseudonym itself; any other mask over one stands."""
    taken = [
        (own, kept) for own, kept in restores if not any(_meet(own, mask) and not _in(mask, own) for mask in masks)
    ]
    left = [mask for mask in masks if not any(_meet(own, mask) for own, _ in taken)]
    return sorted([*left, *(own for own, _ in taken)], key=lambda change: change.start), [kept for _, kept in taken]


@lru_cache(maxsize=256)
def _entity(entity: str) -> re.Pattern[str]:
    """*entity* at the end of a text, with what joins it to its tag."""
    return re.compile(_OPEN + _BETWEEN.join(map(re.escape, entity.split("_"))) + _BETWEEN + r"\Z", re.IGNORECASE)


def _meet(one: Rewrite, other: Rewrite) -> bool:
    return one.start < other.end and one.end > other.start


def _in(inner: Rewrite, outer: Rewrite) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
