"""What a crash or a power cut leaves of the file, imitated: every commit's bytes are there to some point, or torn."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from ledgers import NOON, a_sealed
from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.ledger.entry import Kind
from weighlock.ledger.verify import verify

COMMITS = 12
CUTS = 60


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return open_keys(tmp_path_factory.mktemp("keys") / "state")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> tuple[bytes, bytes, list[tuple[int, int]]]:
    """The file and its write-ahead log, and after each commit: bytes of the log, entries acknowledged."""
    path = tmp_path_factory.mktemp("written") / NAME
    log = path.with_name(f"{NAME}-wal")
    writer = LedgerWriter(path, keys.signer, lambda: NOON)
    acknowledged = [(0, 0)]
    for number in range(COMMITS):
        sealed = a_sealed(bytes([number]) * 3000, keys.recipients)
        writer.write([Prepared(Kind.REQUEST, {"number": number}, {"request.sent": sealed})] * 2, sign=number % 3 == 2)
        acknowledged.append((log.stat().st_size, 2 * (number + 1)))
    kept = path.read_bytes(), log.read_bytes(), acknowledged
    writer.close()
    return kept


def left(folder: Path, keys: Keys, database: bytes, log: bytes) -> int:
    """How many entries a gateway finds after it, and that it goes on and verifies."""
    path = folder / NAME
    path.with_name(f"{NAME}-shm").unlink(missing_ok=True)
    path.write_bytes(database)
    path.with_name(f"{NAME}-wal").write_bytes(log)
    writer = LedgerWriter(path, keys.signer, lambda: NOON)
    (seq,) = writer.write([Prepared(Kind.START, {"event": "start"}, {})], sign=True)
    writer.close()
    with Reader(path) as reader:
        report = verify(reader.rows(), reader.payloads(), reader.checkpoints(), keys.signer.verifier)
    assert report.ok, report.problems
    assert seq is not None
    assert report.signed == report.entries == seq + 1
    return seq


def test_a_log_cut_anywhere_loses_nothing_that_was_acknowledged_before(
    tmp_path: Path, keys: Keys, written: tuple[bytes, bytes, list[tuple[int, int]]]
) -> None:
    database, log, acknowledged = written
    chance = random.Random(1)
    ends = [size + by for size, _ in acknowledged for by in (-1, 0, 1) if 0 <= size + by <= len(log)]
    for cut in [*ends, *(chance.randrange(len(log)) for _ in range(CUTS))]:
        due = max(entries for size, entries in acknowledged if size <= cut)

        assert left(tmp_path, keys, database, log[:cut]) == due


def test_a_log_whose_last_sectors_were_never_written_ends_at_a_whole_commit(
    tmp_path: Path, keys: Keys, written: tuple[bytes, bytes, list[tuple[int, int]]]
) -> None:
    database, log, acknowledged = written
    chance = random.Random(2)
    synced, due = acknowledged[-3]
    for _ in range(CUTS):
        torn = bytearray(log)
        for start in range(synced - synced % 512 + 512, len(log), 512):
            if chance.random() < 0.3:
                torn[start : start + 512] = bytes(len(torn[start : start + 512]))
        found = left(tmp_path, keys, database, bytes(torn))

        assert found in {entries for _, entries in acknowledged if entries >= due}


def test_a_full_disk_refuses_and_the_next_write_goes_on(tmp_path: Path, keys: Keys) -> None:
    writer = LedgerWriter(tmp_path / NAME, keys.signer, lambda: NOON)
    large = [
        Prepared(Kind.REQUEST, {}, {"request.sent": a_sealed(random.Random(3).randbytes(200_000), keys.recipients)})
    ]
    assert writer.write(large) == [0]
    assert writer._connection
    (pages,) = writer._connection.execute("PRAGMA page_count").fetchone()
    writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        writer.write(large)

    assert writer.write(large) == [1]  # on a new connection, which finds what there is
    writer.close()
