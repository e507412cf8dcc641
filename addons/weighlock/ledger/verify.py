"""Verification of a ledger, with nothing but its rows and the public key. Pure: rows in, report out.

The steps, as numbered in the report:

1. entries stand in sequence, from 0 and without gaps
2. each entry's bytes hash to its leaf
3. each entry reads as an entry and says the sequence number at which it stands
4. time does not go back
5. each payload that an entry names is there and hashes to what the entry says, or a later entry says that it was
   erased, and it is not there; there is no other
6. each checkpoint is signed by the key, and no stretch of entries lacks one
7. each checkpoint's root is the root of the leaves up to it
8. no checkpoint reaches beyond the last entry
9. the log agrees with each checkpoint that was kept elsewhere
10. the file's triggers are those that a gateway makes

Without step 9 it cannot see entries cut from the end together with every checkpoint that covered them, nor a history
that was signed anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from weighlock.ledger import checkpoint, entry
from weighlock.ledger.anchored import Anchored
from weighlock.ledger.checkpoint import BadNote, OtherKey, Verifier
from weighlock.ledger.entry import Kind
from weighlock.ledger.kept import Kept, Payload
from weighlock.ledger.merkle import HASH_SIZE, Frontier, leaf_hash

__all__ = ["Payload", "Problem", "Report", "Row", "verify"]

STRETCH = 512
"""A gateway signs before this many entries have come since its last checkpoint."""
LISTED = 100
"""Most problems that a report lists."""


@dataclass(frozen=True, slots=True)
class Row:
    seq: int
    entry: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    seq: int
    """Of the entry, or for a checkpoint's problem, of the last entry that it covers."""
    step: int
    kind: str
    message: str


@dataclass(slots=True)
class Report:
    entries: int = 0
    checkpoints: int = 0
    signed: int = 0
    """Entries that the last good checkpoint covers; what follows could be rewritten unseen."""
    kept: int = 0
    """Checkpoints kept elsewhere that the log agrees with."""
    erased: int = 0
    """Entries whose payloads were erased, as later entries say."""
    found: int = 0
    """Problems in all; `problems` lists the first."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.found == 0

    @property
    def first_bad(self) -> int | None:
        """The earliest entry that a problem names."""
        return min((problem.seq for problem in self.problems), default=None)

    def add(self, seq: int, step: int, kind: str, message: str) -> None:
        self.found += 1
        if len(self.problems) < LISTED:
            self.problems.append(Problem(seq, step, kind, message))


def verify(
    rows: Iterable[Row],
    payloads: Iterable[Payload],
    checkpoints: Iterable[tuple[int, str]],
    verifier: Verifier,
    *,
    anchors: Iterable[str] = (),
    unguarded: Iterable[str] = (),
) -> Report:
    """*rows* by seq, *payloads* by seq and name, *checkpoints* as (size, note) by size.

    *anchors* are checkpoints that were kept elsewhere, *unguarded* the triggers that are not as they were made.
    """
    report = Report()
    anchored = Anchored(report.add, anchors, verifier)
    tree = _Tree(report, checkpoints, verifier)
    kept = Kept(report.add, payloads)
    earlier = ""
    for row in rows:
        _sequence(report, row.seq, tree)
        report.entries += 1
        if leaf_hash(row.entry) != row.leaf:
            report.add(row.seq, 2, "edited", "the entry is not the one that its leaf was made of")
        tree.add(row)
        anchored.reach(tree.next, tree.root, tree.whole)
        try:
            said = entry.parse(row.entry)
        except ValueError:
            report.add(row.seq, 3, "unreadable", "the bytes are not an entry")
            kept.skip(row.seq)
            continue
        if said.seq != row.seq:
            report.add(row.seq, 3, "moved", f"the entry says that it is number {said.seq}")
        if said.time < earlier:
            report.add(row.seq, 4, "time-back", f"{said.time} comes after {earlier}")
        earlier = max(earlier, said.time)
        kept.check(row.seq, said)
        if said.kind is Kind.ERASURE:
            kept.erased(row.seq, said)
    report.erased = kept.rest()
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

    def __init__(self, report: Report, checkpoints: Iterable[tuple[int, str]], verifier: Verifier) -> None:
        self.next = 0
        self._report, self._verifier = report, verifier
        self._frontier = Frontier()
        self.whole = True  # leaves are in place so far, and no root has failed: what a root says still has a meaning
        self._covered = 0
        self._checkpoints = iter(checkpoints)
        self._due = next(self._checkpoints, None)

    def root(self) -> bytes:
        return self._frontier.root()

    def add(self, row: Row) -> None:
        self.whole &= row.seq == self.next and len(row.leaf) == HASH_SIZE
        self._frontier.add(row.leaf)
        self.next = max(self.next, row.seq + 1)
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
            return
        if root == self._frontier.root():
            self._report.signed = size
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
