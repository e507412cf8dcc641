"""The tamper corpus: what somebody can do to the file, and how the verification calls each."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from ledgers import NOON, a_sealed
from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.cli.ledger import ledger
from weighlock.ledger import entry
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Kind
from weighlock.ledger.merkle import Frontier, leaf_hash

SIZE = 12
Tamper = Callable[[sqlite3.Connection, Keys], None]


def write(path: Path, keys: Keys, words: Iterable[str], *, then: float = NOON) -> None:
    """One entry with a payload for each word; a checkpoint after every fourth."""
    writer = LedgerWriter(path, keys.signer, lambda: then)
    for number, word in enumerate(words, 1):
        sealed = {"request.sent": a_sealed(word.encode(), keys.recipients)}
        writer.write([Prepared(Kind.REQUEST, {"word": word}, sealed)], sign=number % 4 == 0)
    writer.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys]:
    state = tmp_path_factory.mktemp("whole") / "state"
    keys = open_keys(state)
    write(state / NAME, keys, [f"word {number}" for number in range(SIZE)])
    return state, keys


def edited(connection: sqlite3.Connection, seq: int, *, leaf: bool = False, **changes: Any) -> None:
    (data,) = connection.execute("SELECT entry FROM entries WHERE seq = ?", (seq,)).fetchone()
    made = entry.canonical(replace(entry.parse(data.encode()), **changes))
    connection.execute("UPDATE entries SET entry = ? WHERE seq = ?", (made.decode(), seq))
    if leaf:
        connection.execute("UPDATE entries SET leaf = ? WHERE seq = ?", (leaf_hash(made), seq))


def sql(*statements: str) -> Tamper:
    def run(connection: sqlite3.Connection, keys: Keys) -> None:
        for statement in statements:
            connection.execute(statement)

    return run


def edit(*, leaf: bool) -> Tamper:
    return lambda connection, keys: edited(connection, 5, leaf=leaf, body={"word": "other"})


def replaced(connection: sqlite3.Connection, keys: Keys) -> None:
    (data,) = connection.execute("SELECT entry FROM entries WHERE seq = 5").fetchone()
    made = entry.canonical(replace(entry.parse(data.encode()), body={})).decode()
    connection.execute("INSERT OR REPLACE INTO entries SELECT seq, ?, leaf FROM entries WHERE seq = 5", (made,))


def inserted(connection: sqlite3.Connection, keys: Keys) -> None:
    connection.execute("UPDATE entries SET seq = -seq WHERE seq >= 5")
    connection.execute("UPDATE entries SET seq = 1 - seq WHERE seq < 0")
    connection.execute("INSERT INTO entries SELECT 5, entry, leaf FROM entries WHERE seq = 4")


def reordered(connection: sqlite3.Connection, keys: Keys) -> None:
    connection.execute("UPDATE entries SET seq = -1 - (seq + 1) % 12 WHERE seq >= 0")
    connection.execute("UPDATE entries SET seq = -1 - seq WHERE seq < 0")


def clock_back(connection: sqlite3.Connection, keys: Keys) -> None:
    edited(connection, 5, leaf=True, time=entry.timestamp(NOON - 60))
    signed_anew(connection, keys.signer)


def key_swapped(connection: sqlite3.Connection, keys: Keys) -> None:
    signed_anew(connection, Signer(keys.signer.name, b"x" * 32))


def rewritten(connection: sqlite3.Connection, keys: Keys) -> None:
    edited(connection, 5, leaf=True, body={"word": "other"})
    signed_anew(connection, keys.signer)


def signed_anew(connection: sqlite3.Connection, signer: Signer) -> None:
    """As somebody does who has a key and wants every step to add up."""
    frontier = Frontier()
    for seq, leaf in connection.execute("SELECT seq, leaf FROM entries ORDER BY seq").fetchall():
        frontier.add(leaf)
        if (seq + 1) % 4 == 0:
            note = signer.sign(seq + 1, frontier.root())
            connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note, seq + 1))


_CUT = [f"DELETE FROM {table} WHERE seq >= 6" for table in ("entries", "payloads", "payload_keys")]
_SWAP = """UPDATE {table} SET {column} = (SELECT other.{column} FROM {table} other WHERE other.seq = 11 - {table}.seq)
    WHERE seq IN (5, 6)"""

CORPUS: dict[str, tuple[Tamper, int, str]] = {
    "edit": (edit(leaf=False), 5, "edited"),
    "edit with its leaf": (edit(leaf=True), 7, "root"),
    "not an entry": (sql("UPDATE entries SET entry = '{}' WHERE seq = 5"), 5, "unreadable"),
    "REPLACE": (replaced, 5, "edited"),
    "swap": (
        sql(
            "UPDATE entries SET seq = -5 WHERE seq = 5",
            "UPDATE entries SET seq = 5 WHERE seq = 6",
            "UPDATE entries SET seq = 6 WHERE seq = -5",
        ),
        5,
        "swapped",
    ),
    "reorder": (reordered, 0, "reordered"),
    "insert": (inserted, 5, "inserted"),
    "number before the first": (sql("UPDATE entries SET seq = -1 WHERE seq = 11"), -1, "inserted"),
    "delete and number anew": (
        sql(
            "DELETE FROM entries WHERE seq = 5",
            *(f"UPDATE entries SET seq = {at} WHERE seq = {at + 1}" for at in range(5, 11)),
        ),
        5,
        "deleted",
    ),
    "delete": (sql("DELETE FROM entries WHERE seq = 5"), 5, "deleted"),
    "truncate": (sql(*_CUT), 6, "truncated"),
    "truncate with the checkpoints": (sql(*_CUT, "DELETE FROM checkpoints WHERE size > 6"), 6, "rolled-back"),
    "truncate to nothing": (
        sql(*(f"DELETE FROM {table}" for table in ("entries", "payloads", "payload_keys", "checkpoints"))),
        0,
        "rolled-back",
    ),
    "payload swap": (sql(_SWAP.format(table="payloads", column="ciphertext")), 5, "payload-changed"),
    "payload taken away": (sql("DELETE FROM payloads WHERE seq = 5"), 5, "payload-missing"),
    "payload that nobody named": (sql("UPDATE payloads SET seq = 40 WHERE seq = 5"), 40, "payload-stray"),
    "wrapped key swap": (sql(_SWAP.format(table="payload_keys", column="wrapped")), 5, "payload-key-changed"),
    "wrapped key taken away": (sql("DELETE FROM payload_keys WHERE seq = 5"), 5, "payload-key-missing"),
    "clock back": (clock_back, 5, "time-back"),
    "checkpoint key swap": (key_swapped, 3, "checkpoint-key"),
    "checkpoint moved": (sql("UPDATE checkpoints SET size = 7 WHERE size = 8"), 6, "checkpoint"),
    "fork": (rewritten, 11, "forked"),
}


def verified(path: Path, keys: Keys, kept: Path, exit_code: int) -> list[tuple[int, str]]:
    arguments = [str(path), "--key", keys.signer.verifier.text, "--kept", str(kept), "--json"]
    result = CliRunner().invoke(ledger, ["verify", *arguments])
    assert result.exit_code == exit_code, result.output
    return [(problem["seq"], problem["kind"]) for problem in json.loads(result.stdout)["problems"]]


@pytest.fixture
def kept(whole: tuple[Path, Keys], tmp_path: Path) -> Path:
    """The checkpoint of all entries, as a person keeps it elsewhere."""
    connection = sqlite3.connect(whole[0] / NAME)
    (note,) = connection.execute("SELECT note FROM checkpoints WHERE size = ?", (SIZE,)).fetchone()
    connection.close()
    path = tmp_path / "kept"
    path.write_text(note, "utf-8")
    return path


@pytest.fixture
def copy(whole: tuple[Path, Keys], tmp_path: Path) -> Path:
    return Path(shutil.copy(whole[0] / NAME, tmp_path / NAME))


def test_the_file_that_nobody_touched_verifies(whole: tuple[Path, Keys], copy: Path, kept: Path) -> None:
    assert verified(copy, whole[1], kept, 0) == []


@pytest.mark.parametrize(("tamper", "seq", "kind"), CORPUS.values(), ids=CORPUS)
def test_tampering_is_named(
    whole: tuple[Path, Keys], copy: Path, kept: Path, tamper: Tamper, seq: int, kind: str
) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    tamper(connection, whole[1])
    for _, made in triggers:
        connection.execute(made)
    connection.close()

    assert (seq, kind) in verified(copy, whole[1], kept, 1)


def test_a_trigger_that_was_dropped_or_hollowed_out_is_named(whole: tuple[Path, Keys], copy: Path, kept: Path) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute("DROP TRIGGER entries_update")
    connection.execute("CREATE TRIGGER entries_update BEFORE UPDATE ON entries BEGIN SELECT 1; END")
    connection.close()

    assert verified(copy, whole[1], kept, 1) == [(SIZE, "trigger")]
