from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledgers import NOON, SIGNER, Rows, ledger_rows
from weighlock.ledger import entry
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.merkle import leaf_hash
from weighlock.ledger.report import LISTED
from weighlock.ledger.verify import STRETCH, Row


@pytest.fixture
def ledger() -> Rows:
    """Twelve entries, checkpoints at 5 and 10."""
    return ledger_rows(12, every=5)


def edit(row: Row, *, leaf: bool = False, **changes: Any) -> Row:
    """*row* with another entry in its place; with *leaf*, its leaf too."""
    data = entry.canonical(replace(entry.parse(row.entry), **changes))
    return Row(row.seq, data, leaf_hash(data) if leaf else row.leaf)


def test_a_ledger_as_it_was_written_is_ok(ledger: Rows) -> None:
    report = ledger.verify()

    assert (report.ok, report.entries, report.checkpoints, report.signed) == (True, 12, 2, 10)
    assert report.first_bad is None


def test_an_empty_ledger_is_ok() -> None:
    assert ledger_rows(0, every=5).verify().ok


def test_an_edited_entry_is_named_and_only_that(ledger: Rows) -> None:
    ledger.rows[3] = edit(ledger.rows[3], body={"number": 99})

    assert ledger.kinds() == {(3, "edited")}


def test_an_edited_entry_with_its_leaf_breaks_the_next_root(ledger: Rows) -> None:
    ledger.rows[7] = edit(ledger.rows[7], leaf=True, body={"number": 99})

    assert ledger.kinds() == {(9, "root")}
    assert "one of entries 5 to 9" in ledger.verify().problems[0].message
    assert ledger.verify().signed == 5


def test_bytes_that_are_no_entry_are_named(ledger: Rows) -> None:
    ledger.rows[3] = Row(3, b"{}", leaf_hash(b"{}"))

    assert ledger.kinds() == {(3, "unreadable"), (4, "root")}


def test_swapped_entries_are_named(ledger: Rows) -> None:
    first, second = ledger.rows[2], ledger.rows[3]
    ledger.rows[2:4] = [Row(2, second.entry, second.leaf), Row(3, first.entry, first.leaf)]

    assert {(2, "swapped"), (4, "root")} <= ledger.kinds()
    assert ledger.verify().first_bad == 2


def test_deleted_entries_are_named(ledger: Rows) -> None:
    del ledger.rows[6:8]

    assert {(6, "deleted"), (6, "payload-stray"), (7, "payload-stray")} == ledger.kinds()
    assert ledger.verify().problems[0].message == "entries 6 to 7 are missing"


def test_a_deleted_first_entry_is_named(ledger: Rows) -> None:
    del ledger.rows[0]

    assert (0, "deleted") in ledger.kinds()


def test_an_inserted_entry_is_named(ledger: Rows) -> None:
    forged = Entry(4, entry.timestamp(NOON + 3), Kind.REQUEST, {})
    data = entry.canonical(forged)
    later = [Row(row.seq + 1, row.entry, row.leaf) for row in ledger.rows[4:]]
    ledger.rows[4:] = [Row(4, data, leaf_hash(data)), *later]

    assert {(4, "payload-stray"), (4, "root"), (5, "inserted")} <= ledger.kinds()


def test_a_sequence_number_before_its_turn_is_named(ledger: Rows) -> None:
    ledger.rows.insert(0, Row(-1, ledger.rows[0].entry, ledger.rows[0].leaf))

    assert (-1, "inserted") in ledger.kinds()


def test_a_truncated_ledger_is_named(ledger: Rows) -> None:
    del ledger.rows[8:], ledger.payloads[8:]

    assert ledger.kinds() == {(8, "truncated")}
    assert ledger.verify().problems[0].message == "a checkpoint covers 10 entries; the last 2 are missing"


def test_a_ledger_cut_down_to_nothing_is_named(ledger: Rows) -> None:
    ledger.rows.clear()
    ledger.payloads.clear()

    assert ledger.kinds() == {(0, "truncated")}


def test_missing_changed_and_stray_payloads_are_named(ledger: Rows) -> None:
    ledger.payloads[2] = replace(ledger.payloads[2], ciphertext=b"other")
    ledger.payloads[3] = replace(ledger.payloads[3], wrapped=b"")
    ledger.payloads[4] = replace(ledger.payloads[4], name="response.sent")
    ledger.payloads.append(replace(ledger.payloads[0], seq=40))

    assert ledger.kinds() == {
        (2, "payload-changed"),
        (3, "payload-key-missing"),
        (4, "payload-missing"),
        (4, "payload-stray"),
        (40, "payload-stray"),
    }


def test_swapped_payloads_are_named(ledger: Rows) -> None:
    first, second = ledger.payloads[2], ledger.payloads[3]
    ledger.payloads[2] = replace(first, ciphertext=second.ciphertext)
    ledger.payloads[3] = replace(second, ciphertext=first.ciphertext)

    assert ledger.kinds() == {(2, "payload-changed"), (3, "payload-changed")}


def test_a_time_that_goes_back_is_named() -> None:
    seconds = [5, 6, 2, 3, 7]
    entries = [Entry(seq, entry.timestamp(NOON + at), Kind.START, {}) for seq, at in enumerate(seconds)]

    assert ledger_rows(5, every=5, entries=entries).kinds() == {(2, "time-back"), (3, "time-back")}


def test_a_checkpoint_of_another_key_is_named(ledger: Rows) -> None:
    stranger = Signer(SIGNER.name, b"x" * 32)
    ledger.checkpoints[0] = (5, stranger.sign(5, b"r" * 32))

    assert ledger.kinds() == {(4, "checkpoint-key")}


def test_a_checkpoint_at_the_wrong_size_is_named(ledger: Rows) -> None:
    ledger.checkpoints[1] = (9, ledger.checkpoints[1][1])

    assert ledger.kinds() == {(8, "checkpoint")}


def test_a_forked_history_with_the_real_key_is_named(ledger: Rows) -> None:
    ledger.checkpoints[1] = (10, SIGNER.sign(10, b"r" * 32))

    assert ledger.kinds() == {(9, "root")}


def test_missing_checkpoints_are_named() -> None:
    ledger = ledger_rows(STRETCH, every=STRETCH // 2)
    assert ledger.verify().ok
    del ledger.checkpoints[:]

    assert ledger.kinds() == {(0, "unsigned")}


def test_a_tail_without_checkpoint_is_no_problem_but_said(ledger: Rows) -> None:
    del ledger.checkpoints[:]

    assert (ledger.verify().ok, ledger.verify().signed) == (True, 0)


def test_a_report_lists_the_first_problems_and_counts_all() -> None:
    ledger = ledger_rows(LISTED + 20, every=50)
    ledger.payloads.clear()

    report = ledger.verify()

    assert (len(report.problems), report.found) == (LISTED, LISTED + 20)


@given(st.data())
def test_no_byte_that_a_checkpoint_covers_can_be_changed_unseen(data: st.DataObject) -> None:
    ledger = ledger_rows(10, every=5)
    seq, flip = data.draw(st.integers(0, 9)), data.draw(st.integers(1, 255))

    def flipped(original: bytes) -> bytes:
        at = data.draw(st.integers(0, len(original) - 1))
        return original[:at] + bytes([original[at] ^ flip]) + original[at + 1 :]

    row, payload = ledger.rows[seq], ledger.payloads[seq]
    match data.draw(st.sampled_from(["entry", "leaf", "entry and leaf", "payload"])):
        case "entry":
            ledger.rows[seq] = Row(seq, flipped(row.entry), row.leaf)
        case "leaf":
            ledger.rows[seq] = Row(seq, row.entry, flipped(row.leaf))
        case "entry and leaf":
            changed = flipped(row.entry)
            ledger.rows[seq] = Row(seq, changed, leaf_hash(changed))
        case "payload":
            ledger.payloads[seq] = replace(payload, ciphertext=flipped(payload.ciphertext))

    assert not ledger.verify().ok


@given(st.permutations(range(10)))
def test_no_order_but_the_written_one_is_ok(order: list[int]) -> None:
    ledger = ledger_rows(10, every=5)
    ledger.rows = [Row(at, ledger.rows[seq].entry, ledger.rows[seq].leaf) for at, seq in enumerate(order)]

    assert ledger.verify().ok == (order == sorted(order))
