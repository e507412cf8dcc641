from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighlock.adapters.stores.control import Control
from weighlock.cli.cutoffs import cutoffs

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""A command leaves its connection to the end of its process; here, to the collector, which says so."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder that a gateway has used."""
    Control.open(tmp_path).close()
    return tmp_path


def run(state: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(cutoffs, [*arguments, "--state", str(state)])
    gc.collect()
    return result


def test_a_cutoff_is_added_listed_and_lifted(state: Path) -> None:
    added = run(state, "add", "person", "dana", "--reason", "left", "--issued-before", "2027-01-15")
    assert (added.exit_code, added.output) == (
        0,
        "cut off person dana (cut-off 1); lift it with: weighlock cutoffs lift 1\n",
    )

    (row,) = json.loads(run(state, "list", "--json").output)
    assert (row["claim"], row["value"], row["reason"], row["lifted_at"]) == ("person", "dana", "left", None)
    assert row["before"] == "2027-01-15T00:00:00+00:00"

    assert run(state, "lift", "1").output == "lifted cut-off 1\n"
    assert json.loads(run(state, "list", "--json").output) == []
    (row,) = json.loads(run(state, "list", "--all", "--json").output)
    assert row["lifted_at"]


def test_lifting_what_is_not_in_force_is_told(state: Path) -> None:
    result = run(state, "lift", "7")

    assert result.exit_code == 1
    assert "no cut-off 7" in result.stderr


def test_nobody_is_cut_off_without_a_reason(state: Path) -> None:
    assert run(state, "add", "person", "dana").exit_code == 2
    assert run(state, "list").output == "nobody is cut off\n"
