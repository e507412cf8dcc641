from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_principal
from ledgers import an_exchange
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.cli.report import report
from weighlock.errors import Unidentified
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.model import Principal

HOUR, DAY = 3600, 86_400
NIGHTLY = a_principal(workload="nightly")


def a_key(digest: str) -> dict[str, str]:
    return {"vendor": "openai", "digest": digest * 16, "last4": "B1a0", "place": "authorization"}


def refusal(*digests: str, principal: Principal | None = None, size: int | None = 100, **given: Any) -> dict[str, Any]:
    body = entry.refusal_body(an_exchange(principal=None, **given), Unidentified("static-key", "A key."))
    return body | entry.static_keys_body([a_key(digest) for digest in digests], size, principal)


def written(state: Path, *entries: tuple[float, dict[str, Any]]) -> Path:
    """A ledger of refusals, each so many seconds old."""
    moment = now = time.time()
    writer = LedgerWriter(state / NAME, open_keys(state).signer, lambda: moment)
    for age, body in entries:
        moment = now - age
        writer.write([Prepared(Kind.REFUSAL, body, {})])
    writer.write([], sign=True)
    writer.close()
    return state


def run(state: Path, *arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(report, ["credentials", "--state", str(state), *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def rows(state: Path, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run(state, "--json", *arguments).stdout))


def test_a_line_is_one_key_of_one_workload_towards_one_host(tmp_path: Path) -> None:
    state = written(
        tmp_path,
        (3 * HOUR, refusal("a", principal=NIGHTLY)),
        (2 * HOUR, refusal("a", principal=NIGHTLY, size=None)),
        (HOUR, refusal("a", principal=NIGHTLY, size=23, peer="192.0.2.99:1")),
    )

    (row,) = rows(state)

    assert row["first_seen"] < row["last_seen"]
    assert {name: row[name] for name in row if not name.endswith("_seen")} == {
        "vendor": "openai",
        "fingerprint": "a" * 16,
        "last4": "B1a0",
        "workload": "nightly",
        "source": "",
        "host": "llm.example",
        "requests": 3,
        "bytes": 123,
    }


@pytest.mark.parametrize(
    ("peer", "source"), [("192.0.2.7:40000", "192.0.2.7"), ("2001:db8:::443", "2001:db8::"), ("::1:5", "::1"), ("", "")]
)
def test_without_a_workload_a_line_has_the_clients_address(tmp_path: Path, peer: str, source: str) -> None:
    (row,) = rows(written(tmp_path, (9, refusal("a", peer=peer)), (8, refusal("a", peer=peer))))

    assert (row["workload"], row["source"], row["requests"]) == ("", source, 2)


def test_other_ports_of_one_address_are_one_line_and_other_hosts_and_workloads_are_more(tmp_path: Path) -> None:
    state = written(
        tmp_path,
        (9, refusal("a", peer="192.0.2.7:1")),
        (8, refusal("a", peer="192.0.2.7:2")),
        (7, refusal("a", peer="192.0.2.8:1")),
        (6, refusal("a", principal=NIGHTLY)),
        (5, refusal("a", principal=a_principal(workload="weekly"))),
        (4, refusal("a", destination=None)),
        (3, refusal("b", peer="192.0.2.7:1")),
    )

    assert [row["requests"] for row in rows(state)] == [2, 1, 1, 1, 1, 1]


def test_recent_keys_come_first_and_of_these_the_busiest(tmp_path: Path) -> None:
    old = [(20 * DAY, refusal("e"))] * 9
    week = [(3 * DAY, refusal("d")), (3 * DAY, refusal("c")), (2 * DAY, refusal("c"))]
    today = [(5 * HOUR, refusal("a")), (4 * HOUR, refusal("a")), (HOUR, refusal("b"))]

    assert [row["fingerprint"][0] for row in rows(written(tmp_path, *old, *week, *today))] == ["a", "b", "c", "d", "e"]


def test_several_keys_of_one_request_are_several_lines(tmp_path: Path) -> None:
    assert [row["fingerprint"][0] for row in rows(written(tmp_path, (1, refusal("a", "b"))))] == ["a", "b"]


def test_what_is_older_is_left_out(tmp_path: Path) -> None:
    state = written(tmp_path, (40 * DAY, refusal("a")), (10 * DAY, refusal("b")), (HOUR, refusal("c")))

    assert [row["fingerprint"][0] for row in rows(state)] == ["c", "b"]
    assert [row["fingerprint"][0] for row in rows(state, "--since", "2d")] == ["c"]
    assert len(rows(state, "--since", "50d")) == 3


def test_more_lines_than_asked_for_are_told(tmp_path: Path) -> None:
    result = run(written(tmp_path, (2, refusal("a", "b", "c"))), "--limit", "1", "--json")

    assert len(json.loads(result.stdout)) == 1
    assert "2 more lines" in result.stderr


def test_a_report_is_no_failure_unless_it_is_asked_to_be_one(tmp_path: Path) -> None:
    empty, tried = written(tmp_path / "empty"), written(tmp_path / "tried", (1, refusal("a")))

    assert run(empty, "--fail").stdout == "no static key was tried\n"
    assert json.loads(run(empty, "--json").stdout) == []
    run(tried)
    run(tried, "--fail", exit_code=1)


def test_a_person_gets_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    head, line = run(written(tmp_path, (HOUR, refusal("a", principal=NIGHTLY)))).stdout.splitlines()

    assert head.split()[:4] == ["vendor", "fingerprint", "last4", "workload"]
    assert line.split()[:5] == ["openai", "a" * 16, "B1a0", "nightly", "llm.example"]


def test_words_that_look_like_a_key_of_the_record_are_none(tmp_path: Path) -> None:
    body = refusal() | {"because": ['"static_keys":[{"digest":1}]', '"kind":"refusal"']}

    assert rows(written(tmp_path, (1, body))) == []


def test_a_gateway_may_be_writing(tmp_path: Path) -> None:
    state = written(tmp_path, (1, refusal("a")))
    writing = sqlite3.connect(state / NAME, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")

    assert len(rows(state)) == 1
    writing.close()


def test_an_entry_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    state = written(tmp_path, (1, refusal("a")))
    connection = sqlite3.connect(state / NAME, isolation_level=None)
    connection.execute("DROP TRIGGER entries_update")
    connection.execute("UPDATE entries SET entry = substr(entry, 1, length(entry) - 5)")
    connection.close()

    assert "ledger verify" in run(state, exit_code=78).stderr


def test_a_folder_without_a_ledger_is_a_wrong_setting(tmp_path: Path) -> None:
    run(tmp_path, exit_code=78)
