"""Cutting off where it could silently cut nobody off, or fail when it is needed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighlock.adapters.stores.control import Control
from weighlock.cli.cutoffs import cutoffs


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder that a gateway has used."""
    Control.open(tmp_path).close()
    return tmp_path


def run(state: Path, *arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cutoffs, [*arguments, "--state", str(state)])
    assert result.exit_code == exit_code, result.output
    return result


def listed(state: Path, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(run(state, "list", "--json", *arguments).stdout)
    return rows


@pytest.mark.parametrize(("claim", "value"), [("", "x"), ("sub", ""), ("sub", "  ")])
def test_an_empty_cutoff_is_refused(state: Path, claim: str, value: str) -> None:
    run(state, "add", claim, value, "--reason", "r", exit_code=2)
    assert listed(state) == []


def test_space_around_a_value_does_not_save_anybody(state: Path) -> None:
    run(state, "add", " actor_id", "1047 ", "--reason", "r")
    (row,) = listed(state)
    assert (row["claim"], row["value"]) == ("actor_id", "1047")


def test_an_account_without_a_name_can_cut_off(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError

    monkeypatch.setattr("getpass.getuser", nameless)
    run(state, "add", "sub", "x", "--reason", "r")
    assert str(listed(state)[0]["by"]).startswith("uid ")


def test_a_database_that_breaks_is_one_line(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Control, "add", locked)
    said = run(state, "add", "sub", "x", "--reason", "r", exit_code=78).stderr
    assert "database is locked" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [("add", "sub", "x", "--reason", "r"), ("list",), ("lift", "1")])
def test_a_folder_that_no_gateway_has_used_is_refused_and_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A cut-off there would cut nobody off, and look as if it had."""
    assert "--state" in run(tmp_path, *command, exit_code=78).stderr
    assert list(tmp_path.iterdir()) == []
