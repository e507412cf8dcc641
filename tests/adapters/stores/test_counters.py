from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from weighlock.adapters.stores.counters import NAME, CounterStore, Step
from weighlock.errors import ConfigError
from weighlock.policy.counting import DAY, HOUR, MINUTE, Scope
from weighlock.policy.tally import Amount, Tally

EMAIL = "EMAIL_ADDRESS"
NOW = 10 * DAY


def a_step(*values: str, at: float = NOW, key: str = "nightly", gone: tuple[str, ...] = ()) -> Step:
    amount = Amount(1, 20, 3, {EMAIL: frozenset(values)})
    pairs = tuple((EMAIL, value) for value in values)
    return Step(Scope.WORKLOAD, key, at, amount, pairs, tuple((EMAIL, value) for value in gone))


def held(folder: Path, key: str = "nightly") -> Tally:
    return CounterStore.open(folder).load(Scope.WORKLOAD, key)


def test_what_is_added_is_there_after_a_restart(tmp_path: Path) -> None:
    store = CounterStore.open(tmp_path)
    store.add([a_step("a", "b"), a_step("b", "c", at=NOW + 70), a_step("z", key="other")])
    store.close()

    assert held(tmp_path) == Tally(
        sums={
            (MINUTE, int(NOW)): (1, 20, 3),
            (MINUTE, int(NOW) + 60): (1, 20, 3),
            (HOUR, int(NOW)): (2, 40, 6),
        },
        seen={EMAIL: {"a": NOW, "b": NOW + 70, "c": NOW + 70}},
    )
    assert held(tmp_path, "nobody") == Tally()
    assert CounterStore.open(tmp_path).places() == [(Scope.WORKLOAD, "nightly"), (Scope.WORKLOAD, "other")]


def test_it_is_as_a_tally_in_memory_would_be(tmp_path: Path) -> None:
    store, tally = CounterStore.open(tmp_path), Tally(most=2)
    for n, values in enumerate(["ab", "bc", "de", "a"]):
        step = a_step(*values, at=NOW + 50 * n)
        _, gone = tally.add(step.amount, [EMAIL], step.at)
        store.add([a_step(*values, at=step.at, gone=tuple(value for _, value in gone))])

    loaded = held(tmp_path)
    assert (loaded.sums, loaded.seen) == (tally.sums, tally.seen)


def test_values_that_make_room_are_gone(tmp_path: Path) -> None:
    store = CounterStore.open(tmp_path)
    store.add([a_step("a"), a_step("b", gone=("a",))])

    assert store.load(Scope.WORKLOAD, "nightly").seen == {EMAIL: {"b": NOW}}


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    store = CounterStore.open(tmp_path)
    store.add([a_step("a", at=NOW - 3 * DAY), a_step("b", at=NOW - 1.5 * DAY), a_step("c")])
    store.prune(NOW - 2 * DAY, NOW)

    tally = store.load(Scope.WORKLOAD, "nightly")
    assert tally.seen == {EMAIL: {"b": NOW - 1.5 * DAY, "c": NOW}}
    assert sorted(tally.sums) == [(MINUTE, int(NOW)), (HOUR, int(NOW - 1.5 * DAY)), (HOUR, int(NOW))]
    store.prune(NOW + DAY, NOW + 2 * DAY)
    assert store.places() == []


def test_all_of_a_batch_is_added_or_nothing(tmp_path: Path) -> None:
    store = CounterStore.open(tmp_path)
    broken = Step(Scope.WORKLOAD, "nightly", NOW, Amount(1), ((EMAIL, None),))  # type: ignore[arg-type]

    with pytest.raises(sqlite3.IntegrityError):
        store.add([a_step("a"), broken])
    assert held(tmp_path) == Tally()


def test_the_file_has_a_bound_and_over_it_nothing_is_added(tmp_path: Path) -> None:
    store = CounterStore.open(tmp_path, pages=20)

    many = [a_step(*map(str, range(n, n + 100))) for n in range(0, 10_000, 100)]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.add(many)
    assert store.load(Scope.WORKLOAD, "nightly") == Tally()
    store.add(many[:3])
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.add(many)
    store.prune(NOW + DAY, NOW)
    store.add([a_step("a")])
    assert list(store.load(Scope.WORKLOAD, "nightly").seen[EMAIL]) == ["a"]


def test_what_was_added_outlives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys\n"
        "from weighlock.adapters.stores.counters import CounterStore, Step\n"
        "from weighlock.policy.counting import Scope\n"
        "from weighlock.policy.tally import Amount\n"
        "store = CounterStore.open(pathlib.Path(sys.argv[1]))\n"
        "store.add([Step(Scope.WORKLOAD, 'nightly', 864000.0, Amount(1, 2, 3), (('EMAIL_ADDRESS', 'a'),))])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True)

    assert done.returncode == -9, done.stderr
    assert held(tmp_path).seen == {EMAIL: {"a": 864000.0}}
    assert held(tmp_path).sums[HOUR, 864000] == (1, 2, 3)


def test_another_folder_than_a_gateways_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no gateway has used"):
        CounterStore.existing(tmp_path)
    (tmp_path / NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match="cannot be opened"):
        CounterStore.existing(tmp_path)


def test_only_the_gateways_own_account_may_read_it(tmp_path: Path) -> None:
    CounterStore.open(tmp_path)

    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
