from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from builders import a_principal
from ledgers import an_exchange, ledger_file
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledger import Ledger
from weighlock.adapters.stores.ledgerfile import NAME, connect
from weighlock.cli import main
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind


def asked(id: str, person: str) -> tuple[Kind, dict[str, object], dict[str, bytes]]:
    principal = a_principal(workload=f"{person}-jobs", persons=frozenset({person}), session=person)
    return Kind.REQUEST, entry.request_body(an_exchange(id=id, principal=principal)), {"request.sent": b"text"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    ledger_file(folder, [asked("e1", "kim"), asked("e2", "dana"), asked("e3", "kim")])
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def run(*arguments: str | Path, state: Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, ("ledger", *arguments)), "--state", str(state)])
    assert result.exit_code == exit_code, result.output
    return result


def erase(state: Path, person: str, exit_code: int = 0) -> Result:
    return run("erase", "--person", person, "--reason", "asked", "--yes", state=state, exit_code=exit_code)


def keys_in(path: Path) -> list[bytes]:
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT wrapped FROM payload_keys WHERE wrapped != zeroblob(length(wrapped)) ORDER BY seq"
    )
    found = [wrapped for (wrapped,) in rows]
    connection.close()
    return found


def test_a_backup_is_whole_and_for_its_owner_only(state: Path, copy: Path) -> None:
    writing = connect(state / NAME, create=False)
    writing.execute("BEGIN IMMEDIATE")  # as a gateway would

    assert run("backup", copy, state=state).stdout.startswith("3 entries, 3 of them signed")
    writing.close()
    assert keys_in(copy) == keys_in(state / NAME)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir() if path.name.startswith((".", "copy"))] == ["copy.db"]


def test_an_erasure_reaches_the_backups_made_before(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    kim = [keys_in(copy)[0], keys_in(copy)[2]]

    erase(state, "kim")

    for path in (*copy.parent.glob("copy*"), *state.iterdir()):
        assert not any(key[80:] in path.read_bytes() for key in kim), path
    assert len(keys_in(copy)) == 1
    run("verify", copy, "--key", state / "checkpoint.pub", state=state)


def test_a_backup_that_cannot_be_reached_is_named(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    copy.rename(copy.with_name("moved.db"))

    assert f"not reached, and still has them: {copy}" in erase(state, "kim", exit_code=1).stderr


def test_a_restored_ledger_is_the_one_that_was_backed_up(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    before = keys_in(copy)
    for path in state.glob(f"{NAME}*"):
        path.unlink()

    assert "restored 3 entries; the payloads of 0" in run("restore", copy, state=state).stdout
    assert keys_in(state / NAME) == before
    assert json.loads(run("verify", "--json", state=state).stdout)["entries"] == 4  # and that it was restored


@pytest.mark.parametrize("gone", [True, False], ids=["ledger gone", "ledger there"])
def test_what_was_erased_since_is_erased_in_what_is_restored(state: Path, copy: Path, gone: bool) -> None:
    run("backup", copy, state=state)
    old = copy.with_name("old.db")
    shutil.copy(copy, old)
    kim = keys_in(old)[0]
    erase(state, "kim")
    if gone:
        (state / NAME).unlink()
    else:
        (state / "control.db").unlink()  # the ledger says it too

    run("restore", old, "--force", state=state)

    assert not any(kim[80:] in path.read_bytes() for path in state.iterdir())
    report = json.loads(run("verify", "--json", state=state).stdout)
    assert report["ok"]
    assert report["erased"] == 2


def test_a_backup_that_does_not_verify_replaces_nothing(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    connection = sqlite3.connect(copy)
    connection.execute("DROP TRIGGER entries_update")
    connection.execute("UPDATE entries SET entry = replace(entry, 'kim', 'tim') WHERE seq = 0")
    connection.commit()
    connection.close()
    before = (state / NAME).read_bytes()

    assert "does not verify" in run("restore", copy, "--force", state=state, exit_code=1).stderr
    assert (state / NAME).read_bytes() == before


def test_entries_are_lost_only_by_force(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    old = copy.with_name("old.db")
    shutil.copy(copy, old)
    erase(state, "dana")

    assert "the last 1 entries would be lost" in run("restore", old, state=state, exit_code=1).stderr


async def test_nothing_is_restored_under_a_running_gateway(state: Path, copy: Path) -> None:
    run("backup", copy, state=state)
    ledger = Ledger.open(state, open_keys(state))

    assert "another gateway" in run("restore", copy, state=state, exit_code=78).stderr
    await ledger.close()


def test_what_is_kept_long_enough_expires_unless_it_is_held(state: Path) -> None:
    run("hold", "add", "--person", "dana", "--reason", "case", state=state)

    counted = run("expire", "--retention", "1d", state=state).stdout
    assert counted.startswith("payloads of 2 entries would be erased, with --yes; 1 more are under a legal hold")
    run("expire", "--retention", "999999d workload/kim-jobs=1d", "--yes", state=state)

    assert len(keys_in(state / NAME)) == 1
    assert json.loads(run("verify", "--json", state=state).stdout)["erased"] == 2


@pytest.mark.parametrize("retention", ["", "7", "d", "7w", "person/kim=7d", "workload/=7d", "0d"])
def test_a_retention_that_is_none_is_refused(state: Path, retention: str) -> None:
    run("expire", "--retention", retention, state=state, exit_code=78)


def test_sizes_are_told_by_day_workload_and_entity(state: Path) -> None:
    def by(what: str) -> list[dict[str, object]]:
        return list(json.loads(run("stats", "--by", what, "--json", state=state).stdout))

    (day,) = by("day")
    assert day["day"] == "2026-01-01"
    assert day["sealed_bytes"] == 12
    assert [(row["workload"], row["entries"]) for row in by("workload")] == [("dana-jobs", 1), ("kim-jobs", 2)]
    assert by("entity") == []
    assert "bytes in" in run("stats", state=state).stdout
