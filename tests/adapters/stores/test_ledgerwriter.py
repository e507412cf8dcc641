from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledgers import NOON, SIGNER, a_sealed
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgertail import Broken
from weighlock.adapters.stores.ledgerwriter import BATCH, EVERY, LedgerWriter, Prepared
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Kind
from weighlock.ledger.verify import Report, verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def writer_at(path: Path, clock: Callable[[], float] = lambda: NOON, signer: Signer = SIGNER) -> LedgerWriter:
    return LedgerWriter(path, signer, clock)


def drafts(count: int, **body: Any) -> list[Prepared]:
    return [Prepared(Kind.REQUEST, body or {"number": number}, {}) for number in range(count)]


def check(path: Path) -> Report:
    with Reader(path) as reader:
        return verify(reader.rows(), reader.payloads(), reader.checkpoints(), SIGNER.verifier)


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()


class Faulty:
    """A connection that fails at the statement that starts with *at*, before or after it took effect."""

    def __init__(self, connection: sqlite3.Connection, at: str, *, after: bool) -> None:
        self._connection, self._at, self._after = connection, at, after

    def execute(self, sql: str, *arguments: Any) -> Any:
        return self._run(self._connection.execute, sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> Any:
        return self._run(self._connection.executemany, sql, *arguments)

    def _run(self, run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        hit = sql.startswith(self._at)
        if hit and not self._after:
            raise sqlite3.OperationalError("disk I/O error")
        result = run(sql, *arguments)
        if hit:
            raise sqlite3.OperationalError("disk I/O error")
        return result

    def close(self) -> None:
        self._connection.close()


def test_entries_are_numbered_from_zero_and_verify(path: Path) -> None:
    writer = writer_at(path)

    assert writer.write(drafts(3)) == [0, 1, 2]
    assert writer.write([Prepared(Kind.REQUEST, {}, {"request.sent": a_sealed(b"hello")})]) == [3]
    writer.close()
    report = check(path)
    assert (report.ok, report.entries, report.signed) == (True, 4, 0)


def test_what_was_returned_for_is_in_the_file(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(1))

    with Reader(path) as other:
        assert other.count() == 1
    writer.close()


def test_the_numbers_go_on_after_a_restart(path: Path) -> None:
    for expected in range(4):
        writer = writer_at(path)
        assert writer.write(drafts(1)) == [expected]
        writer.close()

    assert check(path).ok


def test_a_checkpoint_comes_when_asked_for_and_after_so_many_entries(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(2), sign=True)
    assert writer.unsigned == 0
    writer.write(drafts(EVERY - 1))
    assert writer.unsigned == EVERY - 1
    writer.write(drafts(1))
    writer.write([], sign=True)
    writer.close()

    with Reader(path) as reader:
        assert [size for size, _ in reader.checkpoints()] == [2, EVERY + 2]


def test_the_fullest_batches_leave_no_stretch_unsigned(path: Path) -> None:
    writer = writer_at(path)
    for count in (EVERY - 1, BATCH, EVERY - 1, BATCH, EVERY - 1):
        writer.write(drafts(count))
    writer.close()

    assert check(path).ok


def test_time_never_goes_back_whatever_the_clock_does(path: Path) -> None:
    times = iter([NOON, NOON - 50, NOON + 1])
    for _ in range(3):
        writer = writer_at(path, lambda: next(times))
        writer.write(drafts(1))
        writer.close()

    with Reader(path) as reader:
        said = [entry.parse(data).time for data in reader.entries()]
    assert said == [entry.timestamp(NOON), entry.timestamp(NOON), entry.timestamp(NOON + 1)]
    assert check(path).ok


def test_an_entry_without_canonical_form_is_left_out_and_the_others_are_written(path: Path) -> None:
    writer = writer_at(path)
    odd = [Prepared(Kind.CONTROL, {"x": value}, {}) for value in (float("nan"), "\ud800", object(), {1: 2})]

    assert writer.write([*drafts(1), *odd, *drafts(1)]) == [0, None, None, None, None, 1]
    writer.close()
    assert (check(path).ok, check(path).entries) == (True, 2)


@pytest.mark.parametrize("at", ["BEGIN", "INSERT INTO entries", "INSERT INTO payloads", "COMMIT"])
@pytest.mark.parametrize("after", [False, True])
def test_a_failure_at_any_statement_is_recovered_from(path: Path, at: str, after: bool) -> None:
    writer = writer_at(path)
    writer.write(drafts(2))
    writer._connection = Faulty(writer._connection, at, after=after)  # type: ignore[arg-type, assignment]
    with pytest.raises(sqlite3.OperationalError):
        writer.write([Prepared(Kind.REQUEST, {}, {"request.sent": a_sealed(b"hello")})])

    # A commit that failed after it took effect: its entry stands there, and the next one comes after it.
    stands = at == "COMMIT" and after
    assert writer.write(drafts(1)) == [3 if stands else 2]
    writer.write([], sign=True)
    writer.close()
    report = check(path)
    assert (report.ok, report.entries, report.signed) == (True, 4 if stands else 3, 4 if stands else 3)


def test_a_checkpoint_that_failed_comes_later(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(2))
    writer._connection = Faulty(writer._connection, "INSERT INTO checkpoints", after=True)  # type: ignore[arg-type, assignment]
    with pytest.raises(sqlite3.OperationalError):
        writer.write([], sign=True)
    assert writer.unsigned == 2

    writer.write([], sign=True)

    writer.close()
    assert (check(path).ok, check(path).signed) == (True, 2)


def test_a_file_that_was_moved_away_is_not_written_to_until_it_is_back(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(1))
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            writer.write(drafts(1))
    assert not path.exists()

    elsewhere.rename(path)

    assert writer.write(drafts(1)) == [1]
    writer.close()
    assert check(path).ok


def test_another_file_in_its_place_is_not_written_to(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(2))
    path.rename(path.with_name("elsewhere"))
    other = writer_at(path)
    other.write(drafts(5, other=True))
    other.close()

    for _ in range(2):
        with pytest.raises(Broken, match="another file"):
            writer.write(drafts(1))
    assert check(path).entries == 5


def test_another_file_in_its_place_takes_nothing_with_it(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(2))  # in the write-ahead log so far
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(Broken, match="another file"):
        writer.write(drafts(1))
    path.unlink()
    path.with_name("elsewhere").rename(path)

    assert writer.write(drafts(1)) == [2]
    writer.close()
    assert check(path).entries == 3


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM entries WHERE seq > 1", "covers 4 entries, and 2 are there"),
        ("UPDATE entries SET leaf = x'00' WHERE seq = 4", "entry 4 is missing"),
        ("UPDATE entries SET entry = '{}' WHERE seq = 5", "entry 5 is not the one"),
        ("UPDATE checkpoints SET size = 3", "wrong size"),
        ("UPDATE checkpoints SET note = 'x'", "not a signed note"),
    ],
)
def test_a_file_that_is_not_what_was_signed_stops_the_start(path: Path, statement: str, message: str) -> None:
    writer = writer_at(path)
    writer.write(drafts(4), sign=True)
    writer.write(drafts(2))
    writer.close()
    tamper(path, statement)

    with pytest.raises(ConfigError, match=message):
        writer_at(path)


@pytest.mark.parametrize("edge", ["NULL", "x''", "zeroblob(32)", "zeroblob(64)"])
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM entries WHERE seq = 1", "entry 1 is missing"),
        ("UPDATE entries SET leaf = zeroblob(32) WHERE seq = 1", "of other entries"),
        ("UPDATE entries SET leaf = x'00' WHERE seq = 1", "entry 1 is missing"),
    ],
)
def test_where_the_edge_is_not_the_signed_one_every_leaf_is_read(
    path: Path, edge: str, statement: str, message: str
) -> None:
    writer = writer_at(path)
    writer.write(drafts(5), sign=True)
    writer.close()
    tamper(path, f"UPDATE checkpoints SET edge = {edge}")
    writer_at(path).close()
    tamper(path, statement)

    with pytest.raises(ConfigError, match=message):
        writer_at(path)


@pytest.mark.parametrize("signed", [1, 2, 3, 4, 7])
def test_a_start_goes_on_from_the_edge_of_the_newest_checkpoint(path: Path, signed: int) -> None:
    writer = writer_at(path)
    writer.write(drafts(signed), sign=True)
    writer.write(drafts(2))
    writer.close()
    again = writer_at(path)
    again.write(drafts(3), sign=True)
    again.close()

    assert (check(path).ok, check(path).signed) == (True, signed + 5)


def test_what_a_checkpoint_covers_is_looked_at_by_verify_and_not_at_the_start(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(4), sign=True)
    writer.close()
    tamper(path, "UPDATE entries SET leaf = zeroblob(32) WHERE seq = 1")
    writer_at(path).close()

    assert {problem.kind for problem in check(path).problems} >= {"edited", "root"}


def test_a_ledger_of_another_key_stops_the_start(path: Path) -> None:
    writer = writer_at(path)
    writer.write(drafts(1), sign=True)
    writer.close()

    with pytest.raises(ConfigError, match="not signed by this key"):
        writer_at(path, signer=Signer("weighlock/other", b"o" * 32))


@pytest.mark.parametrize("content", [b"no database at all" * 100])
def test_a_file_that_is_no_ledger_stops_the_start(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(ConfigError):
        writer_at(path)
