"""What stands behind the pseudonyms of one session."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from weighlock.model import Finding

PSEUDONYM = re.compile(r"<([A-Z][A-Z0-9_]*)_([0-9a-f]{8})>")
"""As the operator writes it: entity and tag."""


def plain(value: str) -> str:
    """*value* as a person reads it: case, spacing and Unicode spelling make no difference."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


@dataclass(frozen=True, slots=True)
class Kept:
    """*value* was sent as *pseudonym*; *finding* tells what it is."""

    pseudonym: str
    value: str = field(repr=False)
    finding: Finding

    @property
    def tag(self) -> str:
        return self.pseudonym[-9:-1]


def without_place(finding: Finding) -> Finding:
    """*finding* without where it stood: that is of one text, and a pseudonym is of a session."""
    return replace(finding, pointer="", start=0, end=0, fingerprint="", view="raw")


class Vault:
    """Of one session, in memory, at most *limit* characters. What does not fit is not kept, and never restored."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._by_tag: dict[str, dict[str, Kept | None]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_tag)

    def __iter__(self) -> Iterator[Kept]:
        return (kept for same in self._by_tag.values() for kept in same.values() if kept)

    def keep(self, kept: Kept) -> bool:
        """Whether it is new here. Of two values with one pseudonym neither is ever restored."""
        same = self._by_tag.setdefault(kept.tag, {})
        if kept.finding.entity in same:
            known = same[kept.finding.entity]
            if known and plain(known.value) != plain(kept.value):
                same[kept.finding.entity] = None
            return False
        if self._size + len(kept.value) > self._limit:
            return False
        self._size += len(kept.value)
        same[kept.finding.entity] = kept
        return True

    def tagged(self, tag: str) -> list[Kept]:
        return [kept for kept in self._by_tag.get(tag, {}).values() if kept]
