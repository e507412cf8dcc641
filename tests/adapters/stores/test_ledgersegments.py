"""Segments of a ledger's file: closed, removed, and what is left of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ledgers import NOON, SIGNER, a_sealed
from weighlock.adapters.stores import ledgerrows
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerindex import Filter, Index
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.errors import ConfigError
from weighlock.ledger import merkle
from weighlock.ledger.chain import removed_body
from weighlock.ledger.entry import Kind
from weighlock.ledger.erasure import erasure_body
from weighlock.ledger.verify import Report, verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def writer(path: Path) -> LedgerWriter:
    return writer_at(path)


def writer_at(path: Path) -> LedgerWriter:
    return LedgerWriter(path, SIGNER, lambda: NOON)


def asked(number: int) -> Prepared:
    return Prepared(Kind.REQUEST, {"number": number}, {"request.sent": a_sealed(b"%d" % number)})


def opened(writer: LedgerWriter) -> int:
    (seq,) = writer.write([Prepared(Kind.CONTROL, {}, {}, opens=True)])
    assert seq is not None
    return seq


def remove(path: Path, writer: LedgerWriter, before: int, *, tidy: bool = True) -> None:
    with Reader(path) as reader:
        keyed, note = sorted(seq for seq in reader.keyed() if seq < before), reader.begins(before).note
    writer.write([Prepared(Kind.ERASURE, erasure_body({}, "too old", "auditor", keyed), {}, tuple(keyed))])
    writer.write([Prepared(Kind.CONTROL, removed_body(before, note, "too old", "auditor"), {}, removes=before)])
    while tidy and not writer.tidy:
        writer.tidy_up()


def check(path: Path) -> Report:
    with Reader(path) as reader:
        checkpoints = reader.checkpoints()
        return verify(reader.rows(), reader.payloads(), checkpoints, SIGNER.verifier, begins=reader.begins())


def keys(path: Path) -> dict[int, bytes]:
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT seq, wrapped FROM payload_keys").fetchall())
    connection.close()
    return found


def test_a_segment_closes_with_a_checkpoint_that_the_next_one_names(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(0), asked(1)])

    assert opened(writer) == 2
    with Reader(path) as reader:
        assert reader.segments() == [0, 2]
        assert [size for size, _ in reader.checkpoints()] == [2]
    report = check(path)
    assert (report.ok, report.entries, report.signed) == (True, 3, 2)


def test_one_that_has_just_begun_is_not_closed(path: Path, writer: LedgerWriter) -> None:
    nothing = Prepared(Kind.CONTROL, {}, {}, opens=True)

    assert writer.write([nothing]) == [None]
    assert writer.write([asked(0), nothing, nothing]) == [0, 1, 2]
    with Reader(path) as reader:
        assert reader.segments() == [0, 1, 2]
    assert check(path).ok


@pytest.mark.parametrize("tidy", [True, False], ids=["rows gone", "rows there"])
def test_what_is_removed_is_read_no_more(path: Path, writer: LedgerWriter, *, tidy: bool) -> None:
    writer.write([asked(0), asked(1)])
    before = opened(writer)
    writer.write([asked(3)])
    remove(path, writer, before, tidy=tidy)

    with Reader(path) as reader:
        assert (reader.first, reader.size, reader.count(), reader.segments()) == (2, 6, 4, [2])
        assert len(list(reader.entries())) == 4
        assert [payload.seq for payload in reader.payloads()] == [3]
        with pytest.raises(KeyError):
            reader.entry(1)
    report = check(path)
    assert (report.problems, report.entries, report.removed) == ([], 4, 2)


def test_a_removal_that_was_broken_off_is_finished_by_the_next_start(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(number) for number in range(3 * ledgerrows.STEP)])
    remove(path, writer, opened(writer), tidy=False)
    writer.tidy_up()
    assert not writer.tidy
    writer.close()

    again, steps = writer_at(path), 0
    while not again.tidy:
        again.tidy_up()
        steps += 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT min(seq) FROM entries").fetchone() == (3 * ledgerrows.STEP,)
    assert connection.execute("SELECT count(*) FROM payloads").fetchone() == (0,)
    assert steps == 3  # the last one finds nothing
    assert again.write([asked(9)])
    assert check(path).ok


def test_the_next_start_goes_on_without_an_edge_that_it_can_read(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(0), asked(1)])
    remove(path, writer, opened(writer))
    writer.write([asked(2)], sign=True)
    writer.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER checkpoints_update")
    connection.execute("UPDATE checkpoints SET edge = NULL WHERE size > 2")
    connection.close()

    assert writer_at(path).write([asked(3)], sign=True) == [6]
    assert check(path).ok


def test_the_newest_segment_is_never_removed(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(0)])
    opened(writer)

    with pytest.raises(sqlite3.IntegrityError):
        writer.write([Prepared(Kind.CONTROL, {}, {}, removes=2)])


def test_no_key_that_is_not_destroyed_is_taken_away(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(0)])
    before = opened(writer)
    writer.write([Prepared(Kind.CONTROL, {}, {}, removes=before)])

    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM payload_keys")


def test_a_key_that_is_kept_is_not_moved_by_a_removal(
    path: Path, writer: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is moved from, a copy could stay behind."""
    monkeypatch.setattr(ledgerrows, "BUFFER", 200)
    for _ in range(3):
        writer.write([asked(number) for number in range(240)])
        remove(path, writer, opened(writer))
        destroyed = [seq for seq, key in keys(path).items() if not any(key)]
        assert len(destroyed) == 201

    writer.write([asked(number) for number in range(240)])
    kept = {seq: key for seq, key in keys(path).items() if any(key)}
    assert len(kept) == 240
    writer.close()
    assert {path.read_bytes().count(key[-48:]) for key in kept.values()} == {1}


def test_space_is_used_again(path: Path, writer: LedgerWriter) -> None:
    sizes = []
    for _ in range(6):
        for _ in range(10):
            writer.write([asked(number) for number in range(100)])
        before = opened(writer)
        remove(path, writer, before)
        with sqlite3.connect(path) as connection:
            sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
    assert max(sizes[3:]) < 1.2 * max(sizes[:3])


def test_proofs_go_on_behind_what_was_removed(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(number) for number in range(5)], sign=True)
    writer.write([asked(number) for number in range(6)])
    before = opened(writer)
    writer.write([asked(20)], sign=True)
    with Reader(path) as reader:
        whole, size = reader.tree(reader.size), reader.size
        root, seen = whole.root(0, size), whole.root(0, 5)
    remove(path, writer, before)

    with Reader(path) as reader:
        tree = reader.tree(size)
        proof = merkle.inclusion_proof(before, tree)
        leaf = next(row.leaf for row in reader.rows())
        assert merkle.verify_inclusion(leaf, before, size, root, proof)
        assert merkle.verify_consistency(
            before, size, tree.root(0, before), root, merkle.consistency_proof(before, reader.tree(size, before))
        )
        assert seen != root
        with pytest.raises(IndexError):
            merkle.consistency_proof(5, reader.tree(size, 5))


def test_a_tree_of_which_nothing_is_known_is_none(path: Path, writer: LedgerWriter) -> None:
    writer.write([asked(0)])
    remove(path, writer, opened(writer))
    writer.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER checkpoints_update")
    connection.execute("UPDATE checkpoints SET edge = x'00'")
    connection.close()

    with Reader(path) as reader, pytest.raises(ConfigError):
        reader.tree(reader.size)


def test_the_index_is_made_anew_of_what_is_left(path: Path, writer: LedgerWriter) -> None:
    def found() -> list[str]:
        with Reader(path) as reader, Index.open(reader, path.parent, lambda data, _: data) as index:
            return [row["session"] for row in index.sessions(Filter(), 9)]

    for session in ("old", "new"):
        body = {"exchange": session, "who": {"workload": "nightly", "session": session, "subject": "x"}}
        writer.write([Prepared(Kind.REQUEST, body, {})])
        if session == "old":
            before = opened(writer)
    assert len(found()) == 2
    remove(path, writer, before)

    assert len(found()) == 1
    writer.write([asked(1)])
    assert len(found()) == 1
