"""Segments that follow each other, and what becomes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledgers import NOON, SIGNER
from weighlock.ledger import entry
from weighlock.ledger.chain import Begins, opened_body, removed_body
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Entry, Kind, PayloadRef
from weighlock.ledger.erasure import erasure_body
from weighlock.ledger.merkle import Frontier, leaf_hash
from weighlock.ledger.verify import Payload, Report, Row, verify

OTHER = Signer("weighlock/test", b"o" * 32)


@dataclass
class Chain:
    """A ledger in memory, and the places at which its segments begin."""

    begins: Begins = Begins()
    rows: list[Row] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    checkpoints: list[tuple[int, str]] = field(default_factory=list)
    begun: dict[int, Begins] = field(default_factory=dict)
    tree: Frontier = field(default_factory=Frontier)

    def add(self, kind: Kind = Kind.REQUEST, body: dict[str, object] | None = None) -> None:
        seq, ciphertext = self.tree.size, f"ciphertext {self.tree.size}".encode()
        digest, key = (hashlib.sha256(data).hexdigest() for data in (ciphertext, b"wrapped"))
        payloads = {} if body else {"request.sent": PayloadRef(digest, "c" * 64, 5, key)}
        data = entry.canonical(Entry(seq, entry.timestamp(NOON + seq), kind, body or {}, payloads))
        self.rows.append(Row(seq, data, leaf_hash(data)))
        if payloads:
            self.payloads.append(Payload(seq, "request.sent", ciphertext, b"wrapped"))
        self.tree.add(leaf_hash(data))

    def sign(self) -> str:
        note = SIGNER.sign(self.tree.size, self.tree.root())
        self.checkpoints.append((self.tree.size, note))
        return note

    def open(self, note: str = "") -> None:
        """Begin a segment; *note* is what its first entry names instead."""
        size, edge, closed = self.tree.size, self.tree.edge, self.sign()
        self.begun[size] = Begins(size, edge, closed)
        self.add(Kind.CONTROL, opened_body(size, note or closed))

    def remove(self, first: int) -> None:
        """All that is before the segment that begins with that entry."""
        self.begins = self.begun[first]
        self.rows = [row for row in self.rows if row.seq >= first]
        self.payloads = [payload for payload in self.payloads if payload.seq >= first]

    def removed(self, first: int, reason: str = "too old") -> None:
        """An entry that says so."""
        self.add(Kind.CONTROL, removed_body(first, self.begun[first].note, reason, "auditor"))
        self.sign()

    def check(self, kept: Collection[str] = ()) -> Report:
        return verify(self.rows, self.payloads, self.checkpoints, SIGNER.verifier, begins=self.begins, anchors=kept)

    def kinds(self) -> set[tuple[int, str]]:
        return {(problem.seq, problem.kind) for problem in self.check().problems}


def a_chain(count: int = 12, cuts: Collection[int] = (3, 7)) -> Chain:
    made = Chain()
    for seq in range(count):
        if seq in cuts:
            made.open()
        else:
            made.add()
    made.sign()
    return made


def test_segments_as_they_were_closed_are_ok() -> None:
    report = a_chain().check()

    assert (report.problems, report.entries, report.signed, report.removed) == ([], 12, 12, 0)


@given(st.sets(st.integers(1, 39), min_size=1), st.data())
def test_wherever_they_were_closed_what_stays_is_ok(cuts: set[int], data: st.DataObject) -> None:
    made, first = a_chain(40, cuts), data.draw(st.sampled_from(sorted(cuts)))
    kept = made.checkpoints[0][1]
    made.removed(first)
    made.remove(first)

    report = made.check(kept=[kept])
    assert (report.problems, report.entries, report.signed, report.removed) == ([], 41 - first, 41, first)


def test_what_an_entry_says_is_removed_may_still_be_there() -> None:
    made = a_chain()
    made.removed(7)

    assert made.check().ok


def other_edge(chain: Chain) -> None:
    chain.begins = replace(chain.begins, edge=bytes(96))


def edge_of_fewer(chain: Chain) -> None:
    chain.begins = replace(chain.begins, edge=chain.begins.edge[:32])


def other_key(chain: Chain) -> None:
    chain.begins = replace(chain.begins, note=OTHER.sign(7, Frontier.of(7, chain.begins.edge).root()))


def no_checkpoint(chain: Chain) -> None:
    chain.begins = replace(chain.begins, note="")


def checkpoint_of_others(chain: Chain) -> None:
    chain.begins = replace(chain.begins, note=SIGNER.sign(7, bytes(32)))


@pytest.mark.parametrize(
    "tamper", [other_edge, edge_of_fewer, other_key, no_checkpoint, checkpoint_of_others], ids=lambda f: f.__name__
)
def test_what_was_removed_must_be_proven(tamper: Callable[[Chain], None]) -> None:
    made = a_chain()
    made.removed(7)
    made.remove(7)
    tamper(made)

    assert (7, "segment") in made.kinds()


def test_segments_of_which_no_entry_says_that_they_were_removed_are_missed() -> None:
    made = a_chain()
    made.remove(7)

    assert made.kinds() == {(0, "segment-missing")}


def test_it_must_say_so_of_all_of_them() -> None:
    made = a_chain()
    made.removed(3)
    made.remove(7)

    assert made.kinds() == {(0, "segment-missing")}


def test_entries_that_were_cut_off_within_a_segment_are_missed() -> None:
    made = a_chain()
    made.removed(7)
    made.remove(7)
    del made.rows[0]

    assert {(7, "deleted")} <= made.kinds()


@pytest.mark.parametrize("named", [SIGNER.sign(4, bytes(32)), OTHER.sign(4, bytes(32)), "none"])
def test_a_segment_that_follows_another_history_is_named(named: str) -> None:
    made = Chain()
    for _ in range(4):
        made.add()
    made.open(note=named)
    made.add()
    made.sign()

    assert made.kinds() == {(4, "segment")}


def test_a_segment_whose_closing_checkpoint_is_gone_is_named() -> None:
    made = a_chain(cuts=(5,))
    made.checkpoints = [one for one in made.checkpoints if one[0] != 5]

    assert made.kinds() == {(5, "segment")}


def test_erasures_of_what_was_removed_since_are_no_lie() -> None:
    made = a_chain()
    made.add(Kind.ERASURE, erasure_body({"session": "x"}, "asked for", "auditor", (2, 8)))
    made.payloads = [payload for payload in made.payloads if payload.seq not in (2, 8)]
    assert made.check().erased == 2
    made.removed(7)
    made.remove(7)

    report = made.check()
    assert (report.problems, report.erased) == ([], 1)
