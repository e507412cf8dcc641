"""Which rules can match a text at all, in one pass over it.

RE2's set is ready at once. Hyperscan is many times faster and takes seconds to compile, so it does that beside the
work, once there was enough of it; where Hyperscan is not to be had, RE2's set stays. Both tell the same.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from typing import Any

import re2

from weighlock.detection.relaxed import FOLDED, expression
from weighlock.detection.rules import Rule

WARM = 1 << 16
"""Bytes after which compiling for Hyperscan pays."""

GROUP = 24
"""Expressions in one database of Hyperscan: more of them take longer to compile, fewer of them to match."""

MEMORY = 64 << 20
"""Bytes that RE2's set may take for what it learns of texts."""

Match = Callable[[bytes], Sequence[int]]
"""The numbers of the expressions that match some UTF-8, in any order."""


class Prefilter:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._expressions = [expression(rule).encode() for rule in rules]
        self._match = re2_set(self._expressions)
        self._left = WARM if importlib.util.find_spec("hyperscan") else None

    def candidates(self, text: str) -> Sequence[int]:
        """The numbers of the rules that may match *text*, ascending."""
        data = text.encode()
        self._count(len(data))
        if len(data) != len(text) and FOLDED.search(text):
            return range(len(self._expressions))
        return sorted(self._match(data))

    def _count(self, size: int) -> None:
        if self._left is None:
            return
        self._left -= size
        if self._left <= 0:
            self._left = None
            threading.Thread(target=self.hasten, name="hyperscan", daemon=True).start()

    def hasten(self) -> None:
        """Change to Hyperscan. Seconds."""
        self._match = hyperscan(self._expressions)


def hyperscan(expressions: Sequence[bytes]) -> Match:
    import hyperscan as hs  # noqa: PLC0415, not made for every processor

    flags = hs.HS_FLAG_UTF8 | hs.HS_FLAG_SINGLEMATCH | hs.HS_FLAG_ALLOWEMPTY | hs.HS_FLAG_PREFILTER
    databases = []
    for start in range(0, len(expressions), GROUP):
        group = list(expressions[start : start + GROUP])
        database = hs.Database()
        database.compile(expressions=group, ids=list(range(start, start + len(group))), flags=[flags] * len(group))
        databases.append(database)

    def note(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
        found.append(number)

    def match(data: bytes) -> Sequence[int]:
        found: list[int] = []
        for database in databases:
            database.scan(data, match_event_handler=note, context=found)
        return found

    return match


def re2_set(expressions: Sequence[bytes]) -> Match:
    """Tells every number where RE2 ran out of memory, of which it says nothing itself."""
    options = re2.Options()
    options.max_mem = MEMORY
    chosen: Any = re2.Set.SearchSet(options)
    for pattern in (*expressions, b""):
        chosen.Add(pattern)
    chosen.Compile()
    anything = len(expressions)

    def match(data: bytes) -> Sequence[int]:
        found: list[int] = chosen.Match(data) or []
        if anything not in found:
            return range(anything)
        return [number for number in found if number != anything]

    return match
