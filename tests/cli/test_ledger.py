from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_finding
from held import an_approval, some_terms
from ledgers import a_verdict, an_exchange, ledger_file
from weighlock.adapters.stores.ledgerfile import NAME, connect
from weighlock.cli.ledger import ledger
from weighlock.errors import Unidentified
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

_HELD = an_approval(id="A1", because=("bulk",), terms=some_terms("security"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state, exchange = tmp_path / "state", an_exchange(findings=(a_finding(), a_finding()))
    nobody = an_exchange(destination=None, principal=None, call=None, findings=None, verdict=None)
    ledger_file(
        state,
        [
            (Kind.START, entry.control_body("start", "rules 1234"), {}),
            (Kind.REQUEST, entry.request_body(exchange), {"request.sent": b"one", "request.forwarded": b"two"}),
            (
                Kind.RESPONSE,
                entry.response_body(exchange, status=200, findings=(), verdict=a_verdict(), refused=None),
                {},
            ),
            (Kind.REFUSAL, entry.refusal_body(nobody, Unidentified("token-expired", "Expired.")), {}),
            (Kind.APPROVAL, entry.approval_body(_HELD, "e1"), {}),
        ],
    )
    return state


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(ledger, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output
    return result


def tamper(state: Path, statement: str) -> None:
    connection = sqlite3.connect(state / NAME, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    for _, made in triggers:
        connection.execute(made)
    connection.close()


def test_a_ledger_as_it_was_written_verifies(state: Path) -> None:
    assert run("verify", "--state", state).stdout.startswith(
        "ok: 5 entries, 1 checkpoints, 5 entries signed by weighlock/"
    )


def test_a_file_verifies_by_its_path_and_a_key_that_was_kept_elsewhere(state: Path, tmp_path: Path) -> None:
    vkey = (state / "checkpoint.pub").read_text().strip()
    (tmp_path / "kept.pub").write_text(vkey)
    (state / "checkpoint.pub").unlink()

    for key in (vkey, tmp_path / "kept.pub"):
        assert run("verify", state / NAME, "--key", key).stdout.startswith("ok")


def test_a_ledger_verifies_while_it_is_written(state: Path) -> None:
    writing = connect(state / NAME, create=False)
    writing.execute("BEGIN IMMEDIATE")

    assert run("verify", state / NAME).stdout.startswith("ok")
    writing.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entries SET entry = replace(entry, 'nightly', 'weekly') WHERE seq = 2", "entry 2: the entry is not"),
        ("DELETE FROM entries WHERE seq = 3", "entry 3: entry 3 is missing"),
        ("DELETE FROM entries WHERE seq = 4", "entry 4: a checkpoint covers 5 entries; the last 1 are missing"),
        ("DELETE FROM payloads WHERE name = 'request.sent'", "entry 1: the payload request.sent is missing"),
        ("DELETE FROM payload_keys", "entry 1: the key of the payload request.forwarded is missing"),
        ("UPDATE checkpoints SET note = replace(note, '5', '6')", "entry 4: the checkpoint of 5 entries: "),
    ],
)
def test_what_was_changed_is_named(state: Path, statement: str, said: str) -> None:
    tamper(state, statement)

    output = run("verify", "--state", state, exit_code=1).stdout

    assert said in output
    assert "NOT OK" in output


def test_the_report_is_there_for_programs(state: Path) -> None:
    tamper(state, "UPDATE entries SET entry = replace(entry, 'nightly', 'weekly') WHERE seq = 2")

    report = json.loads(run("verify", "--state", state, "--json", exit_code=1).stdout)

    assert (report["ok"], report["first_bad"], report["entries"], report["found"]) == (False, 2, 5, 1)
    assert report["problems"][0] | {"message": ""} == {"seq": 2, "step": 2, "kind": "edited", "message": ""}


def test_a_file_that_cannot_be_read_to_its_end_does_not_verify(state: Path) -> None:
    (state / NAME).write_bytes(b"not a ledger at all" * 100)

    assert "NOT OK" in run("verify", "--state", state, exit_code=1).stdout


@pytest.mark.parametrize("key", ["nonsense", "name+00000000+AAAA", "PRIVATE+KEY+x+00000000+AAAA"])
def test_a_key_that_is_none_is_a_wrong_setting(state: Path, key: str) -> None:
    assert "weighlock: " in run("verify", "--state", state, "--key", key, exit_code=78).stderr


def test_a_ledger_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pub").write_text("weighlock/ab7d0045")

    run("verify", "--state", tmp_path, exit_code=78)
    run("show", "--state", tmp_path, exit_code=78)


def shown(state: Path, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run("show", "--json", "--state", state, *arguments).stdout))


def test_the_table_says_when_who_what_and_why(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")

    lines = [" ".join(line.split()) for line in run("show", "--state", state).stdout.splitlines()]

    at = "2026-01-01T12:00:01.000Z"
    assert lines == [
        "seq time kind workload verdict why findings",
        f"0 {at} start start: rules 1234",
        f"1 {at} request nightly allow model-calls EMAIL_ADDRESS ×2",
        f"2 {at} response nightly allow model-calls",
        f"3 {at} refusal refused token-expired",
        f"4 {at} approval nightly pending bulk",
    ]


def test_the_newest_entries_are_shown_in_their_order(state: Path) -> None:
    assert [said["seq"] for said in shown(state, "--limit", "2")] == [3, 4]


def test_entries_of_one_kind_are_shown(state: Path) -> None:
    assert [said["seq"] for said in shown(state, "--kind", "refusal", "--limit", "1")] == [3]


def test_old_entries_are_left_out(state: Path) -> None:
    assert shown(state, "--since", "2026-01-01T12:00:01Z")[0]["seq"] == 0
    assert shown(state, "--since", "2026-01-01T12:00:02Z") == []


def test_programs_get_the_entries_as_recorded(state: Path) -> None:
    said = shown(state)[1]

    assert said["body"]["call"]["dialect"] == "openai"
    assert set(said["payloads"]) == {"request.sent", "request.forwarded"}


def test_an_entry_that_cannot_be_read_is_said(state: Path) -> None:
    tamper(state, "UPDATE entries SET entry = '{}' WHERE seq = 2")

    assert "ledger verify" in run("show", "--state", state, exit_code=78).stderr
