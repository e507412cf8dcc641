from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighlock.adapters.stores.counters import NAME, CounterStore, Step
from weighlock.cli import main
from weighlock.cli.common import EXIT_CONFIG
from weighlock.policy.counting import HOUR, Scope
from weighlock.policy.tally import Amount

EMAIL = "EMAIL_ADDRESS"


def run(state: Path, *arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["counters", "list", "--state", str(state), *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def rows(state: Path, *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(run(state, *arguments, "--json").stdout)
    return listed


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A gateway that counted two workloads and a session."""
    now = time.time()
    store = CounterStore.open(tmp_path)
    for scope, key, value, ago in (
        (Scope.WORKLOAD, "nightly", "aaaa", 0),
        (Scope.WORKLOAD, "nightly", "bbbb", 3 * HOUR),
        (Scope.WORKLOAD, "export", "aaaa", 0),
        (Scope.SESSION, "nightly", "aaaa", 0),
    ):
        store.add([Step(scope, key, now - ago, Amount(1, 300, 100), ((EMAIL, value),))])
    store.close()
    return tmp_path


def test_what_was_counted_is_shown_and_no_fingerprint(state: Path) -> None:
    output = run(state).output

    assert [line.split() for line in output.splitlines()] == [
        ["of", "key", "requests", "bytes", "tokens", "distinct"],
        ["session", "nightly", "1", "300", "100", "EMAIL_ADDRESS:", "1"],
        ["workload", "export", "1", "300", "100", "EMAIL_ADDRESS:", "1"],
        ["workload", "nightly", "2", "600", "200", "EMAIL_ADDRESS:", "2"],
    ]
    assert "aaaa" not in output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--workload", "nightly"], [("workload", "nightly", 2, {EMAIL: 2})]),
        (["--workload", "nightly", "--within", "1h"], [("workload", "nightly", 1, {EMAIL: 1})]),
        (["--of", "session"], [("session", "nightly", 1, {EMAIL: 1})]),
        (["--of", "principal"], []),
    ],
    ids=["workload", "within", "session", "principal"],
)
def test_a_part_of_it_is_shown(state: Path, arguments: list[str], expected: list[tuple[Any, ...]]) -> None:
    assert [(row["of"], row["key"], row["requests"], row["distinct"]) for row in rows(state, *arguments)] == expected


def test_where_nothing_was_counted_that_is_said(tmp_path: Path) -> None:
    CounterStore.open(tmp_path)

    assert run(tmp_path).output == "nothing is counted: no statement has asked for it\n"
    assert rows(tmp_path) == []


def test_what_cannot_be_asked_is_refused(state: Path, tmp_path: Path) -> None:
    assert "from 1m to 31d" in run(state, "--within", "1s", exit_code=2).stderr
    assert "counted by workload" in run(state, "--workload", "nightly", "--of", "session", exit_code=2).stderr
    assert "no gateway has used" in run(tmp_path / "other", exit_code=EXIT_CONFIG).stderr
    (tmp_path / NAME).write_bytes(b"no database" * 1000)
    assert "cannot be opened" in run(tmp_path, exit_code=EXIT_CONFIG).stderr
