from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from ledgers import ledger_file
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledgerfile import NAME, Damaged, Reader, connect
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.ledger.verify import verify

ENTRIES = [(Kind.START, {"event": "start"}, {}), (Kind.REQUEST, {"number": 1}, {"b": b"two", "a": b"one"})]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ledger_file(tmp_path / "state", ENTRIES)
    return tmp_path / "state" / NAME


def plain(path: Path) -> sqlite3.Connection:
    """A connection as any other tool would open it."""
    return sqlite3.connect(path, isolation_level=None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET entry = '{}' WHERE seq = 0",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE seq = 1",
        "INSERT OR REPLACE INTO entries VALUES (1, '{}', x'00')",
        "REPLACE INTO entries VALUES (0, '{}', x'00')",
        "INSERT INTO entries VALUES (7, '{}', x'00')",
        "INSERT INTO entries VALUES (-1, '{}', x'00')",
        "INSERT INTO entries VALUES (0, '{}', x'00') ON CONFLICT (seq) DO UPDATE SET entry = '{}'",
        "UPDATE payloads SET ciphertext = x'00'",
        "DELETE FROM payloads",
        "REPLACE INTO payloads VALUES (1, 'a', x'00')",
        "UPDATE payload_keys SET wrapped = x'00'",
        "DELETE FROM payload_keys",
        "REPLACE INTO payload_keys VALUES (1, 'a', x'00')",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
        "REPLACE INTO checkpoints (size, note) VALUES (2, '')",
        "INSERT INTO checkpoints (size, note) VALUES (1, '')",
    ],
)
def test_rows_are_neither_changed_nor_taken_away_by_accident(path: Path, statement: str) -> None:
    connection = plain(path)
    before = list(connection.iterdump())

    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute(statement)

    assert list(connection.iterdump()) == before
    connection.close()


def test_the_next_entry_is_let_in(path: Path) -> None:
    connection = plain(path)
    connection.execute("INSERT INTO entries VALUES (2, '{}', x'00')")

    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (3,)
    connection.close()


def test_the_writing_connection_is_durable_and_leaves_nothing_behind(path: Path) -> None:
    connection = connect(path, create=False)
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "temp_store", "recursive_triggers")
    }
    connection.close()

    full = on = 1
    assert settings == {
        "journal_mode": "wal",
        "synchronous": full + 1,
        "secure_delete": on,
        "temp_store": 2,
        "recursive_triggers": on,
    }


def test_the_file_is_its_owners_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_not_there_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect(tmp_path / NAME, create=False)

    connect(tmp_path / NAME, create=True).close()


def test_a_reader_gives_what_was_written(path: Path) -> None:
    with Reader(path) as reader:
        assert reader.count() == 2
        assert [row.seq for row in reader.rows()] == [0, 1]
        assert [entry.parse(data).seq for data in reader.entries(newest_first=True)] == [1, 0]
        assert entry.parse(reader.entry(1)).body == {"number": 1}
        assert [(payload.name, bool(payload.wrapped)) for payload in reader.payloads()] == [("a", True), ("b", True)]
        assert [size for size, _ in reader.checkpoints()] == [2]
        assert reader.payload(1, "a")[0]
        with pytest.raises(KeyError):
            reader.payload(0, "a")
        with pytest.raises(KeyError):
            reader.entry(2)


def test_a_reader_cannot_write(path: Path) -> None:
    with Reader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("INSERT INTO checkpoints (size, note) VALUES (9, '')")


def test_a_reader_sees_one_moment(path: Path) -> None:
    writing = connect(path, create=False)
    with Reader(path) as reader:
        writing.execute("INSERT INTO entries VALUES (2, '{}', x'00')")

        assert reader.count() == 2
    with Reader(path) as reader:
        assert reader.count() == 3
    writing.close()


def test_a_copy_in_a_folder_that_cannot_be_written_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_ = Reader._open

    def as_if_read_only(self: Reader, how: str) -> sqlite3.Connection:
        if how == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return open_(self, how)

    monkeypatch.setattr(Reader, "_open", as_if_read_only)

    with Reader(path) as reader:
        assert reader.count() == 2


@pytest.mark.parametrize("content", [b"", b"not a database, but text" * 100])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)

    with pytest.raises(Damaged):
        Reader(tmp_path / "x.db")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such ledger"):
        Reader(tmp_path / NAME)


def test_cells_of_another_type_than_their_column_are_read_and_found_wrong(path: Path, tmp_path: Path) -> None:
    connection = plain(path)
    for trigger in ("entries_update", "payloads_update"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT', ''), 'NOT NULL', '')")
    connection.close()
    connection = plain(path)
    connection.execute("UPDATE entries SET entry = NULL, leaf = NULL WHERE seq = 0")
    connection.execute("UPDATE entries SET entry = x'ff' WHERE seq = 1")
    connection.execute("UPDATE payloads SET ciphertext = NULL WHERE name = 'a'")
    connection.close()

    with Reader(path) as reader:
        report = verify(reader.rows(), reader.payloads(), reader.checkpoints(), open_keys(path.parent).signer.verifier)

    assert {(0, "edited"), (0, "unreadable"), (1, "edited"), (1, "unreadable")} <= {
        (problem.seq, problem.kind) for problem in report.problems
    }


def test_a_torn_page_is_said(path: Path) -> None:
    data = bytearray(path.read_bytes())
    connection = plain(path)
    page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").fetchone()[0]
    connection.close()
    data[(root - 1) * page_size : root * page_size] = b"\xff" * page_size
    path.write_bytes(data)

    with pytest.raises(Damaged), Reader(path) as reader:
        list(reader.rows())
