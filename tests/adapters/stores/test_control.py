from __future__ import annotations

import gc
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weighlock.adapters.stores.control import Control
from weighlock.errors import ConfigError
from weighlock.identity.cutoffs import Cutoff

Open = Callable[[], Control]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens control.db of one folder, as often as asked, and closes it after the test."""
    made: list[Control] = []

    def open_one() -> Control:
        made.append(Control.open(tmp_path))
        return made[-1]

    yield open_one
    for control in made:
        control._db.conn.close()


def cut(control: Control, value: str = "dana@example.com", **given: Any) -> Cutoff:
    defaults: dict[str, Any] = {"issuer": "", "before": None, "reason": "left", "by": "ops", "now": 5.0}
    return control.add("owner", value, **defaults | given)


def test_a_cutoff_is_in_force_for_another_process_at_once(opened: Open) -> None:
    gateway, shell = opened(), opened()
    assert gateway.current() == ()

    added = cut(shell, issuer="https://issuer.example", before=4.5)

    assert added == Cutoff(1, "owner", "dana@example.com", "left", "ops", 5.0, "https://issuer.example", 4.5)
    assert gateway.current() == (added,)
    assert cut(shell, "eve").id == 2
    assert [cutoff.value for cutoff in gateway.current()] == ["dana@example.com", "eve"]


def test_a_cutoff_is_in_force_for_who_added_it(opened: Open) -> None:
    control = opened()
    assert control.current() == ()

    added = cut(control)
    assert control.current() == (added,)
    assert control.lift(added.id, by="ops", now=6.0)
    assert control.current() == ()


def test_a_lifted_cutoff_is_not_in_force_and_stays_listed(opened: Open) -> None:
    gateway, shell = opened(), opened()
    one, two = cut(shell), cut(shell, "eve")
    assert gateway.current() == (one, two)

    assert shell.lift(one.id, by="boss", now=9.0)

    assert gateway.current() == (two,)
    rows = {row["id"]: (row["value"], row["lifted_at"], row["lifted_by"]) for row in gateway.list()}
    assert rows == {1: ("dana@example.com", 9.0, "boss"), 2: ("eve", None, None)}


def test_a_cutoff_is_lifted_once(opened: Open) -> None:
    control = opened()
    cut(control)

    assert [control.lift(1, by="a", now=6.0), control.lift(1, by="b", now=7.0)] == [True, False]
    assert control.list()[0]["lifted_by"] == "a"
    assert not control.lift(2, by="a", now=6.0)


def test_an_id_is_not_used_again(opened: Open) -> None:
    control = opened()
    control.lift(cut(control).id, by="a", now=6.0)

    assert cut(control).id == 2


def test_cutoffs_outlive_the_process(opened: Open) -> None:
    added = cut(opened())

    assert opened().current() == (added,)


def test_values_are_data_and_never_sql(opened: Open) -> None:
    control = opened()
    value = "'); DROP TABLE cutoffs; --\n\N{SNOWMAN}"

    assert cut(control, value).value == value
    assert [row["value"] for row in control.list()] == [value]


def test_the_database_is_its_owners_alone(opened: Open, tmp_path: Path) -> None:
    cut(opened())

    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_unchanged_cutoffs_are_not_read_again(opened: Open) -> None:
    gateway, shell = opened(), opened()
    cut(shell)
    first = gateway.current()

    assert gateway.current() is first
    cut(shell, "eve")
    assert gateway.current() is not first


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Control.open(tmp_path / "none")

    assert caught.value.where == str(tmp_path / "none" / "control.db")


def test_a_file_that_is_no_database_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError) as caught:
        Control.open(tmp_path)

    assert caught.value.where == str(path)
    assert path.read_bytes() == b"no database" * 1000
    del caught
    gc.collect()  # A connection that was left open is told of here, and fails this test.
