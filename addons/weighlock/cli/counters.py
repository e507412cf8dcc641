"""`weighlock counters`: what was counted for the statements that ask."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import Any

import click

from weighlock.adapters.stores.counters import NAME, CounterStore
from weighlock.cli.common import Group, as_json, read_settings, show, state_option
from weighlock.errors import ConfigError
from weighlock.policy.counting import SUMS, Scope, distinct, named, window
from weighlock.policy.tally import Tally


@click.group("counters", cls=Group)
def counters() -> None:
    """What workloads, principals and sessions sent and got within a time, as statements with `over` count it."""


def _window(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        return window(value)
    except ValueError:
        raise click.BadParameter("a time such as 24h, from 1m to 31d") from None


@counters.command("list")
@click.option("--workload", default="", metavar="NAME", help="Only this one, and not by principal or session.")
@click.option("--of", type=click.Choice([scope.value for scope in Scope]), help="Only what is counted by these.")
@click.option("--within", default="24h", callback=_window, help="How far back, from 1m to 31d. Default: 24h.")
@state_option
@as_json
def list_(workload: str, of: str | None, within: int, state: str, as_json: bool) -> None:
    """Show what was counted. The gateway writes what replies add within a second."""
    if workload and of not in (None, Scope.WORKLOAD.value):
        raise click.UsageError("--workload is counted by workload")
    wanted = Scope.WORKLOAD.value if workload else of
    folder, now = read_settings(state=state).state, time.time()
    with contextlib.closing(CounterStore.existing(folder)) as store:
        try:
            held = [
                (scope, key, store.load(scope, key))
                for scope, key in store.places()
                if wanted in (None, scope.value) and workload in ("", key)
            ]
        except sqlite3.Error as error:
            raise ConfigError(f"cannot be used: {error}", str(folder / NAME)) from None
    rows = [_row(scope, key, tally, within, now) for scope, key, tally in held]
    if not as_json:
        rows = [row | {"distinct": ", ".join(f"{name}: {n}" for name, n in row["distinct"].items())} for row in rows]
    show(rows, ("of", "key", *SUMS, "distinct"), as_json, empty="nothing is counted: no statement has asked for it")


def _row(scope: Scope, key: str, tally: Tally, within: int, now: float) -> dict[str, Any]:
    values = tally.count(within, map(distinct, sorted(tally.seen)), (), now)
    return {
        "of": scope.value,
        "key": key,
        **tally.count(within, SUMS, (), now),
        "distinct": {named(measure): count for measure, count in values.items() if count},
    }
