"""`weighlock doctor`: each thing that is wrong is named, with what to do next."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import smallrules
from held import an_approval
from ledgers import ledger_file
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.outbox import TRIES, Outbox
from weighlock.approval.notices import News, notice
from weighlock.cli import main
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a gateway that has run; its auditor has the key."""
    folder = tmp_path / "state"
    for name in [name for name in os.environ if name.startswith("WEIGHLOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WEIGHLOCK_STATE", str(folder))
    monkeypatch.setenv("WEIGHLOCK_RULES", str(smallrules.write(tmp_path / "rules")))
    monkeypatch.setenv("WEIGHLOCK_CONSOLE", "")
    ledger_file(folder, [(Kind.START, entry.control_body("start", ""), {})])
    if not (folder / "fingerprint.key").exists():
        open_keys(folder)
    (folder / "auditor.key").unlink(missing_ok=True)
    return folder


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options])


def found(check: str) -> dict[str, Any]:
    """The worst of *check*."""
    rows = [row for row in json.loads(run("--json").output) if row["check"] == check]
    return max(rows, key=lambda row: ["ok", "warn", "fail"].index(row["state"]))  # type: ignore[no-any-return]


def dead_letter(state: Path, channel: str = "hook") -> None:
    box = Outbox.open(state, time.time, lambda: 0.5)
    box.put(notice(an_approval(), News.PENDING, 0.0, "", {}), [channel])
    for _ in range(TRIES):
        letter = box.first(channel)
        assert letter
        box.failed(letter, "HTTP 500")
    box.close()


def test_a_host_in_order_has_no_failure(state: Path) -> None:
    done = run("--json")
    rows = json.loads(done.output)

    assert [row for row in rows if row["state"] == "fail"] == []
    assert done.exit_code == 0
    assert all(row["next_step"] for row in rows if row["state"] != "ok")


def test_a_person_gets_a_table(state: Path) -> None:
    told = run().output

    assert told.splitlines()[0].split() == ["check", "state", "found", "next", "step"]
    assert "notifications" in told


def test_an_open_folder_and_an_open_key_fail(state: Path) -> None:
    (state / "fingerprint.key").chmod(0o644)
    state.chmod(0o755)

    assert found("state folder")["next_step"] == f"chmod 700 {state}"
    assert found("keys")["next_step"] == f"chmod 600 {state / 'fingerprint.key'}"
    assert run().exit_code == 1


def test_a_missing_key_fails(state: Path) -> None:
    (state / "checkpoint.key").unlink()

    assert found("keys")["found"] == "missing: checkpoint.key"


def test_the_auditors_key_on_this_host_is_a_warning(state: Path) -> None:
    (state / "auditor.key").touch(0o600)

    assert found("auditor's key")["state"] == "warn"


def test_rules_that_cannot_be_used_fail_with_their_place(state: Path) -> None:
    rules = Path(os.environ["WEIGHLOCK_RULES"])
    (rules / "destinations.yaml").write_text("destinatons: []\n")

    assert found("rules")["state"] == "fail"
    assert "destinations.yaml:1:" in found("rules")["found"]


def test_entries_that_nobody_signed_for_long_fail(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(state / NAME) as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        ledger.execute("DELETE FROM checkpoints")
    rows = [row for row in json.loads(run("--json").output) if row["check"] == "ledger"]

    assert {row["state"] for row in rows} == {"fail"}
    assert rows[0]["found"].startswith("guards of its tables are gone")
    assert rows[1]["found"].startswith("the newest checkpoint")
    assert rows[2]["found"] == "1 entries without a checkpoint"


def test_a_ledger_that_is_not_there_or_no_ledger_fails(state: Path) -> None:
    (state / NAME).write_bytes(b"nothing of the kind" * 100)
    assert found("ledger")["state"] == "fail"

    (state / NAME).unlink()
    assert found("ledger")["state"] == "fail"


@pytest.mark.parametrize(("value", "state_"), [("60s", "ok"), ("61s", "warn")], ids=["60s", "61s"])
def test_a_hold_longer_than_clients_wait_is_a_warning(
    state: Path, monkeypatch: pytest.MonkeyPatch, value: str, state_: str
) -> None:
    monkeypatch.setenv("WEIGHLOCK_HOLD_FOR", value)

    assert found("holds")["state"] == state_


def test_a_console_that_does_not_answer_is_a_warning(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHLOCK_CONSOLE", "127.0.0.1:1")

    assert found("console")["found"] == "127.0.0.1:1 does not answer"


def test_a_channel_whose_secret_is_not_there_fails(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = state / "notify.yaml"
    file.write_text("channels:\n  - {id: chat, kind: slack, url_env: NOT_THERE}\n")
    monkeypatch.setenv("WEIGHLOCK_NOTIFY", str(file))

    assert "no variable NOT_THERE" in found("notifications")["found"]


def test_dead_letters_fail_until_they_are_looked_at_and_forgotten(state: Path) -> None:
    dead_letter(state)

    assert found("notifications")["found"] == "hook: 0 wait, 1 never arrived (the last: HTTP 500)"
    shown = run("--forget-dead").output
    assert "ab12-pending" in shown
    assert found("notifications")["state"] == "ok"
    assert run("--forget-dead").output == "every notification arrived\n"


def test_a_setting_that_cannot_be_used_is_78(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHLOCK_HOLD_FOR", "soon")

    assert run().exit_code == 78
