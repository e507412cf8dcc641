"""What was found in a segment, kept so that a chat that resends its history pays for what is new.

A key is a keyed hash of the segment with all that decides what is found in it, and a value holds places and
fingerprints: there is no plaintext here, and nobody else can test a guess.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from weighlock.model import Finding, Role, Text
from weighlock.segments import split

RUN = 16 << 10
"""Code points of one run, or one segment where that is larger."""
_ENTRY, _FINDING = 300, 400
"""Bytes of an entry, and of each finding in it, as CPython holds them."""


@dataclass(slots=True)
class Segment:
    """One of a text, *start* code points into it. *found* counts from the segment's own beginning."""

    pointer: str
    start: int
    size: int
    key: bytes
    found: tuple[Finding, ...] | None = None
    """None while it is not known."""


@dataclass(slots=True)
class Run:
    """Segments of one text that follow each other and have to be inspected: cut again, they are the same."""

    role: Role
    value: str = field(repr=False)
    segments: list[Segment]

    def take(self, findings: Sequence[Finding]) -> None:
        """Give each segment its own of *findings*, which count from the run's beginning. ValueError for any other."""
        left, at = list(findings), 0
        for segment in self.segments:
            end = at + segment.size
            own = [finding for finding in left if at <= finding.start and finding.end <= end]
            left = [finding for finding in left if not (at <= finding.start and finding.end <= end)]
            segment.found = tuple(_moved(finding, "", -at) for finding in own)
            at = end
        if left:
            raise ValueError("a finding lies in no segment")


class SegmentCache:
    """Usable from any thread. *key* makes the hashes this process's own; *limit* is bytes, about.

    What was not asked for the longest goes first.
    """

    def __init__(self, key: bytes, limit: int) -> None:
        self._key, self._limit, self._size = key, limit, 0
        self._known: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def plan(self, texts: Sequence[Text], rules: str) -> tuple[list[Segment], list[Run]]:
        """All segments of *texts*, in order, and runs of those that are not known. *rules* is their digest.

        Raises Unsupported for a text that cannot be cut.
        """
        segments: list[Segment] = []
        runs: list[Run] = []
        for text in texts:
            start, open_run = 0, False
            for value in split(text.value):
                segment = Segment(text.pointer, start, len(value), self._name(text.role, value, rules))
                segment.found = self._get(segment.key)
                if segment.found is None:
                    if open_run and len(runs[-1].value) + len(value) <= RUN:
                        runs[-1].value += value
                        runs[-1].segments.append(segment)
                    else:
                        runs.append(Run(text.role, value, [segment]))
                open_run = segment.found is None
                segments.append(segment)
                start += len(value)
        return segments, runs

    def keep(self, segments: Sequence[Segment]) -> None:
        """Remember what was found in *segments*; all of them are known by now."""
        with self._lock:
            for segment in segments:
                if segment.found is None or segment.key in self._known:
                    continue
                self._known[segment.key] = segment.found
                self._size += _cost(segment.found)
            while self._size > self._limit:
                self._size -= _cost(self._known.popitem(last=False)[1])

    def _get(self, key: bytes) -> tuple[Finding, ...] | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def _name(self, role: Role, value: str, rules: str) -> bytes:
        """Of a role, only whether it is content decides what is looked for."""
        hashed = hashlib.blake2b(key=self._key, digest_size=16, person=b"content" if role is Role.CONTENT else b"word")
        hashed.update(f"{rules}\0{value}".encode())
        return hashed.digest()


def findings(segments: Sequence[Segment]) -> Iterator[Finding]:
    """Those of all *segments*, as they lie in their texts."""
    for segment in segments:
        for finding in segment.found or ():
            yield _moved(finding, segment.pointer, segment.start)


def _moved(finding: Finding, pointer: str, by: int) -> Finding:
    return replace(finding, pointer=pointer, start=finding.start + by, end=finding.end + by)


def _cost(found: tuple[Finding, ...]) -> int:
    return _ENTRY + _FINDING * len(found)
