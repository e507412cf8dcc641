"""Segments as people see them: listed, expired, verified, backed up, restored and searched."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_principal
from ledgers import a_sealed, an_exchange
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.cli import main
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

DAY = 86_400.0
OPENS = Prepared(Kind.CONTROL, {}, {}, opens=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Five segments of two exchanges and what opens them, of 50, 40, 30, 20 and 10 days ago."""
    folder, now = tmp_path / "state", time.time()
    keys, at = open_keys(folder), now - 50 * DAY
    writer = LedgerWriter(folder / NAME, keys.signer, lambda: at)
    for age in (50, 40, 30, 20, 10):
        at = now - age * DAY
        if age < 50:
            writer.write([OPENS])
        for person in ("kim", "dana"):
            principal = a_principal(workload=f"{person}-jobs", persons=frozenset({person}), session=f"{person}-{age}")
            body = entry.request_body(an_exchange(id=f"{person}{age:030}", principal=principal))
            writer.write([Prepared(Kind.REQUEST, body, {"request.sent": a_sealed(b"text", keys.recipients)})])
    writer.write([], sign=True)
    writer.close()
    return folder


def run(*arguments: str | Path, state: Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments), "--state", str(state)])
    assert result.exit_code == exit_code, result.output
    return result


def told(*arguments: str | Path, state: Path, exit_code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", state=state, exit_code=exit_code).stdout)


def segments(state: Path) -> list[tuple[int, int, int]]:
    rows = told("ledger", "segments", state=state)
    return [(row["first"], row["entries"], row["payloads"]) for row in rows]


def expire(state: Path, retention: str, *arguments: str) -> Any:
    return told("ledger", "expire", "--retention", retention, *arguments, state=state)


def sessions(state: Path) -> set[str]:
    return {row["session"] for row in told("sessions", "list", state=state)}


def test_they_are_listed(state: Path) -> None:
    assert segments(state) == [(0, 2, 2), (2, 3, 2), (5, 3, 2), (8, 3, 2), (11, 3, 2)]
    assert "payloads" in run("ledger", "segments", state=state).stdout
    assert told("ledger", "verify", state=state)["removed"] == 0


def test_old_ones_are_counted_first_and_nothing_is_removed(state: Path) -> None:
    said = expire(state, "entries=25d")

    assert (said["entries"], said["segments"], said["before"], said["removed"]) == (6, 2, 5, False)
    text = run("ledger", "expire", "--retention", "entries=25d", state=state).stdout
    assert "2 segments, of the entries before 5, would be removed, with --yes" in text
    assert len(segments(state)) == 5


def test_old_ones_are_removed_and_the_ledger_verifies(state: Path) -> None:
    assert len(sessions(state)) == 10
    said = expire(state, "entries=25d", "--yes")

    assert (said["removed"], said["before"]) == (True, 5)
    assert [first for first, _, _ in segments(state)] == [5, 8, 11]
    report = told("ledger", "verify", state=state)
    assert (report["ok"], report["removed"], report["first_bad"]) == (True, 5, None)
    assert "the first 5 removed" in run("ledger", "verify", state=state).stdout
    newest = told("ledger", "show", state=state)[-1]["body"]
    assert (newest["event"], newest["reason"], newest["removed"]["entries"]) == ("segments-removed", "retention", 5)
    assert sessions(state) == {f"{person}-{age}" for person in ("kim", "dana") for age in (30, 20, 10)}
    assert not expire(state, "entries=25d", "--yes")["removed"]
    assert run("ledger", "prove", "9", "--to", state / "proofs", state=state).exit_code == 0
    run("ledger", "prove", "2", "--to", state / "proofs", state=state, exit_code=78)
    assert told("ledger", "check", state / "proofs" / "9.tlog-proof", state=state)["seq"] == 9


def test_a_legal_hold_keeps_its_segment_and_all_behind_it(state: Path) -> None:
    run("ledger", "hold", "add", "--session", "dana-40", "--reason", "case", state=state)

    said = expire(state, "entries=15d", "--yes")
    assert (said["held"], said["before"], said["segments"]) == (1, 2, 1)
    assert [payloads for _, _, payloads in segments(state)][:2] == [1, 0]
    run("ledger", "hold", "release", "1", "--reason", "settled", state=state)
    assert expire(state, "entries=15d", "--yes")["before"] == 8
    assert told("ledger", "verify", state=state)["ok"]


def test_payloads_that_are_kept_shorter_go_first(state: Path) -> None:
    said = expire(state, "15d entries=999d", "--yes")

    assert (said["entries"], said["segments"], said["removed"]) == (8, 0, False)
    assert [payloads for _, _, payloads in segments(state)][:5] == [0, 0, 0, 0, 2]


def test_backups_are_made_anew_without_what_was_removed(state: Path, tmp_path: Path) -> None:
    copy, old = tmp_path / "copy.db", tmp_path / "old.db"
    run("ledger", "backup", copy, state=state)
    shutil.copy(copy, old)
    assert expire(state, "entries=25d", "--yes")["backups"] == [str(copy)]

    with Reader(copy) as reader:
        assert reader.first == 5
    run("ledger", "verify", copy, "--key", state / "checkpoint.pub", state=state)
    before = told("ledger", "verify", state=state)["entries"]
    run("ledger", "restore", copy, state=state)
    assert told("ledger", "verify", state=state)["entries"] == before + 1
    run("ledger", "restore", old, state=state, exit_code=1)


@pytest.mark.parametrize("gone", ["ledger", "orders"])
def test_what_was_removed_since_does_not_come_back_with_an_old_backup(state: Path, tmp_path: Path, gone: str) -> None:
    copy, old = tmp_path / "copy.db", tmp_path / "old.db"
    run("ledger", "backup", copy, state=state)
    copy.rename(old)
    expire_again = run("ledger", "expire", "--retention", "entries=25d", "--yes", state=state, exit_code=1)
    assert "not reached" in expire_again.stderr
    for path in state.glob(f"{NAME if gone == 'ledger' else 'control.db'}*"):
        path.unlink()

    run("ledger", "restore", old, "--force", state=state)

    report = told("ledger", "verify", state=state)
    assert (report["ok"], report["removed"]) == (True, 5)
    assert segments(state)[0][0] == 5


def test_who_was_away_while_they_were_removed_is_told_so(state: Path, tmp_path: Path) -> None:
    place, file = tmp_path / "cursor", tmp_path / "events"
    place.write_text('{"next": 2}')
    expire(state, "entries=25d", "--yes")

    result = run("ledger", "ship", "--to", file.as_uri(), "--cursor", place, state=state)
    assert "entries 2 to 4 were removed before they were sent" in result.stderr
    assert json.loads(place.read_text())["next"] == told("ledger", "show", state=state)[-1]["seq"] + 1


def removed_by_hand(connection: sqlite3.Connection) -> None:
    """Nothing in the file forbids it."""
    connection.execute("DELETE FROM segments WHERE first < 5")
    connection.execute("UPDATE payload_keys SET wrapped = zeroblob(length(wrapped)) WHERE seq < 5")
    for table in ("payloads", "payload_keys", "entries"):
        connection.execute(f"DELETE FROM {table} WHERE seq < 5")


def more_than_was_said(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM segments WHERE first < 8")


def another_beginning(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER segments_insert")
    connection.execute("DELETE FROM segments WHERE first < 11")
    connection.execute("INSERT INTO segments VALUES (6)")


def another_edge(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER checkpoints_update")
    connection.execute("UPDATE checkpoints SET edge = zeroblob(length(edge)) WHERE size = 5")


def no_closing_checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER checkpoints_delete")
    connection.execute("DELETE FROM checkpoints WHERE size = 8")


def stray_rows(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER entries_insert")
    connection.execute("INSERT INTO entries SELECT 3, entry, leaf FROM entries WHERE seq = 9")


@pytest.mark.parametrize(
    ("tamper", "remove", "found"),
    [
        (removed_by_hand, False, (0, "segment-missing")),
        (more_than_was_said, True, (0, "segment-missing")),
        (another_beginning, True, (6, "segment")),
        (another_edge, True, (5, "segment")),
        (no_closing_checkpoint, True, (8, "segment")),
        (stray_rows, True, None),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_what_is_done_to_segments_by_hand_is_named(
    state: Path, tamper: Callable[[sqlite3.Connection], None], remove: bool, found: tuple[int, str] | None
) -> None:
    if remove:
        expire(state, "entries=25d", "--yes")
    with contextlib.closing(sqlite3.connect(state / NAME, isolation_level=None)) as connection:
        tamper(connection)

    report = told("ledger", "verify", state=state, exit_code=1)
    kinds = {(problem["seq"], problem["kind"]) for problem in report["problems"]}
    # Rows where none can be any more are nobody's, and the next start takes them away; what let them in is named.
    assert (found in kinds) if found else ({kind for _, kind in kinds} == {"trigger"})


def test_doctor_and_report_read_what_is_left(state: Path) -> None:
    expire(state, "entries=25d", "--yes")

    assert run("report", "credentials", state=state).exit_code == 0
    assert told("ledger", "stats", state=state)
    assert told("ledger", "show", "--since", "35d", state=state)[0]["seq"] == 5
