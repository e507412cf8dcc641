"""Verification of a ledger, with nothing but its rows and the public key. Pure: rows in, report out.

The steps, as numbered in the report:

1. entries stand in sequence, from 0 and without gaps
2. each entry's bytes hash to its leaf
3. each entry reads as an entry and says the sequence number at which it stands; else it was swapped with another,
   reordered with others, or others were inserted or deleted before it
4. time does not go back
5. each payload that an entry names is there and hashes to what the entry says, or a later entry says that it was
   erased, and it is not there; there is no other
6. each checkpoint is signed by the key, and no stretch of entries lacks one
7. each checkpoint's root is the root of the leaves up to it
8. no checkpoint reaches beyond the last entry
9. the log agrees with each checkpoint that was kept elsewhere
10. the file's triggers are those that a gateway makes
11. each segment's first entry names the checkpoint with which the one before it closed, and where the first ones are
    missing, an entry says that they were removed, and a checkpoint what they were

Without step 9 it cannot see entries cut from the end together with every checkpoint that covered them, nor a history
that was signed anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from weighlock.ledger import checkpoint
from weighlock.ledger.anchored import Anchored
from weighlock.ledger.chain import STEP, Begins, Links
from weighlock.ledger.checkpoint import BadNote, OtherKey, Verifier
from weighlock.ledger.entry import Kind
from weighlock.ledger.kept import Kept, Payload
from weighlock.ledger.merkle import HASH_SIZE, Frontier, leaf_hash
from weighlock.ledger.outline import outline
from weighlock.ledger.places import Places
from weighlock.ledger.report import Report

__all__ = ["Payload", "Report", "Row", "verify"]

STRETCH = 512
"""A gateway signs before this many entries have come since its last checkpoint."""


class Row(msgspec.Struct, frozen=True):
    seq: int
    entry: bytes
    leaf: bytes


def verify(
    rows: Iterable[Row],
    payloads: Iterable[Payload],
    checkpoints: Iterable[tuple[int, str]],
    verifier: Verifier,
    *,
    anchors: Iterable[str] = (),
    unguarded: Iterable[str] = (),
    begins: Begins = Begins(),  # noqa: B008 it is frozen
) -> Report:
    """*rows* by seq, *payloads* by seq and name, from where the ledger *begins*; all *checkpoints* as (size, note) by
    size.

    *anchors* are checkpoints that were kept elsewhere, *unguarded* the triggers that are not as they were made.
    """
    report = Report()
    anchored = Anchored(report.add, anchors, verifier)
    tree = _Tree(report, checkpoints, verifier, begins)
    kept, links = Kept(report.add, payloads, begins.size), Links(report.add, begins)
    places, earlier = Places(), ""
    for row in rows:
        if row.seq != tree.next:
            _sequence(report, row.seq, tree)
        report.entries += 1
        if leaf_hash(row.entry) != row.leaf:
            report.add(row.seq, 2, "edited", "the entry is not the one that its leaf was made of")
        tree.add(row)
        if anchored.next <= tree.next:
            anchored.reach(tree.next, tree.root, tree.whole)
        try:
            said = outline(row.entry)
        except ValueError:
            report.add(row.seq, 3, "unreadable", "the bytes are not an entry")
            kept.skip(row.seq)
            continue
        if said.seq != row.seq:
            places.moved(row.seq, said.seq)
        if said.time < earlier:
            report.add(row.seq, 4, "time-back", f"{said.time} comes after {earlier}")
        else:
            earlier = said.time
        kept.check(row.seq, said)
        if said.kind is Kind.ERASURE:
            kept.erased(row.seq, said)
        elif said.kind is Kind.CONTROL:
            links.check(row.seq, said.body, tree.note)
    places.tell(report.lead)
    report.erased, report.removed = kept.rest(), links.end()
    tree.end()
    anchored.end(tree.next)
    report.kept = anchored.held
    if names := ", ".join(unguarded):
        report.add(tree.next, 10, "trigger", f"not as a gateway makes them: the triggers {names}")
    return report


def _sequence(report: Report, seq: int, tree: _Tree) -> None:
    expected = tree.next
    if seq > expected:
        missing = f"entry {expected} is" if seq == expected + 1 else f"entries {expected} to {seq - 1} are"
        report.add(expected, 1, "deleted", f"{missing} missing")
    elif seq < expected:
        report.add(seq, 1, "inserted", "the sequence number is not the next one")


class _Tree:
    """Steps 6 to 8: the leaves as they are stored, against the checkpoints.

    Stored leaves, not recomputed ones: where the entries alone were edited, the roots still hold, and step 2 names
    the very entry; where the leaf was edited with it, the root does not hold.
    """

    def __init__(
        self, report: Report, checkpoints: Iterable[tuple[int, str]], verifier: Verifier, begins: Begins
    ) -> None:
        self._report, self._verifier = report, verifier
        self.next = begins.size
        self.whole = True  # leaves are in place so far, and no root has failed: what a root says still has a meaning
        self._frontier = Frontier()
        try:
            self._frontier = begins.frontier(verifier)
        except ValueError as error:
            self.whole = False
            report.add(begins.size, STEP, "segment", f"what was removed before it is not proven: {error}")
        self._covered = 0
        self._notes: deque[tuple[int, str]] = deque(maxlen=2)  # the newest good ones
        self._checkpoints = iter(checkpoints)
        self._due = next(self._checkpoints, None)
        self._reached()

    def root(self) -> bytes:
        return self._frontier.root()

    def add(self, row: Row) -> None:
        self.whole &= row.seq == self.next and len(row.leaf) == HASH_SIZE
        self._frontier.add(row.leaf)
        self.next = max(self.next, row.seq + 1)
        self._reached()

    def note(self, size: int) -> str:
        """The good checkpoint of *size* entries, where it is one of the newest two; else empty."""
        return next((note for found, note in self._notes if found == size), "")

    def _reached(self) -> None:
        while self._due and self._due[0] <= self.next:
            self._check(*self._due)
            self._due = next(self._checkpoints, None)

    def end(self) -> None:
        while self._due:
            self._report.checkpoints += 1
            if self._signed(*self._due):
                self._report.add(
                    self.next,
                    8,
                    "truncated",
                    f"a checkpoint covers {self._due[0]} entries; the last {self._due[0] - self.next} are missing",
                )
            self._due = next(self._checkpoints, None)
        self._stretch(self.next)

    def _check(self, size: int, note: str) -> None:
        self._report.checkpoints += 1
        root = self._signed(size, note)
        if root is None:
            return
        self._stretch(size)
        self._covered = size
        if not self.whole or size != self.next:
            return  # of what was removed, nothing but the signature can be checked
        if root == self._frontier.root():
            self._report.signed = size
            self._notes.append((size, note))
        else:
            self.whole = False
            first = self._report.signed
            self._report.add(
                size - 1,
                7,
                "root",
                f"the leaves are not those that were signed; one of entries {first} to {size - 1} differs",
            )

    def _signed(self, size: int, note: str) -> bytes | None:
        """The root that the checkpoint says, if the checkpoint is good."""
        try:
            said = checkpoint.verify(note, self._verifier)
        except BadNote as error:
            kind = "checkpoint-key" if isinstance(error, OtherKey) else "checkpoint"
            self._report.add(size - 1, 6, kind, f"the checkpoint of {size} entries: {error}")
            return None
        if said.size != size:
            self._report.add(size - 1, 6, "checkpoint", f"the checkpoint of {size} entries says {said.size}")
            return None
        return said.root

    def _stretch(self, size: int) -> None:
        if size - self._covered >= STRETCH:
            self._report.add(
                self._covered, 6, "unsigned", f"no good checkpoint between {self._covered} and {size} entries"
            )
