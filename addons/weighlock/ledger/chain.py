"""Segments: stretches of a ledger. Each closes with a checkpoint, which the first entry of the next one names; so a
segment can be removed, and what remains still says what was there, and is proven by the same tree. Pure.

The eleventh step of a verification.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from weighlock.ledger import checkpoint
from weighlock.ledger.checkpoint import Verifier
from weighlock.ledger.kept import Add
from weighlock.ledger.merkle import Frontier

STEP = 11
OPENED = "segment-opened"
"""The event of the first entry of each segment but the first."""
REMOVED = "segments-removed"


class Begins(msgspec.Struct, frozen=True):
    """Where the first segment that is there begins."""

    size: int = 0
    """Entries before it, which were removed."""
    edge: bytes = b""
    """Of the tree of them."""
    note: str = ""
    """The checkpoint with which they closed."""

    def frontier(self, verifier: Verifier) -> Frontier:
        """The tree before it, vouched for by the checkpoint; else ValueError."""
        if not self.size:
            return Frontier()
        said = checkpoint.verify(self.note, verifier)
        frontier = Frontier.of(self.size, self.edge)
        if said.size != self.size or said.root != frontier.root():
            raise ValueError("the checkpoint is of other entries")
        return frontier


def opened_body(size: int, note: str) -> dict[str, Any]:
    """Of the first entry of a segment, behind *size* entries, which *note*, a checkpoint, closes."""
    return {"event": OPENED, "message": f"entries before {size} are closed", "closed": _closed(size, note)}


def removed_body(size: int, note: str, reason: str, by: str) -> dict[str, Any]:
    """Of the removal of all segments before the one that begins behind *size* entries."""
    said = {"event": REMOVED, "message": f"the segments of all entries before {size}", "reason": reason, "by": by}
    return said | {"removed": _closed(size, note)}


def _closed(size: int, note: str) -> dict[str, Any]:
    return {"entries": size, "checkpoint": hashlib.sha256(note.encode()).hexdigest()}


class Links:
    """Walked along with the control entries."""

    def __init__(self, add: Add, begins: Begins) -> None:
        self._add, self._begins = add, begins
        self._said = False

    def check(self, seq: int, body: Mapping[str, Any], note: Callable[[int], str]) -> None:
        """*note* gives the good checkpoint of so many entries; empty where there is none."""
        if body.get("event") == OPENED and body.get("closed") != _closed(seq, note(seq)):
            self._add(seq, STEP, "segment", "it does not name the checkpoint with which the segment before it closed")
        elif body.get("event") == REMOVED and body.get("removed") == _closed(self._begins.size, self._begins.note):
            self._said = True

    def end(self) -> int:
        """To be called after the last entry: how many entries were removed."""
        if self._begins.size and not self._said:
            last = self._begins.size - 1
            self._add(0, STEP, "segment-missing", f"entries 0 to {last} are missing, and no entry says why")
            return 0
        return self._begins.size
