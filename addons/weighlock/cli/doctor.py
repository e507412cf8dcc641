"""`weighlock doctor`: whether all is as it should be, and what to do where it is not."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import click

from weighlock.cli.checks import State, everything, outbox
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, rules_option, show, state_option

COLUMNS = ("check", "state", "found", "next_step")
DEAD = ("time", "channel", "id", "tries", "why")


@click.command("doctor")
@click.option("--forget-dead", is_flag=True, help="Show the notifications that never arrived, and forget them.")
@state_option
@rules_option
@as_json
@click.pass_context
def doctor(ctx: click.Context, forget_dead: bool, state: str, rules: str, as_json: bool) -> None:
    """Look at keys, rules, ledger, models, console and notifications; say what to do next where something is wrong.

    It reads the settings in the environment, as the gateway does: run it where the gateway is started.

    \b
    Exit codes:
      0   nothing fails; there may be warnings
      1   something fails
      78  a setting cannot be used at all
    """
    config = read_settings(state=state, rules=rules)
    if forget_dead:
        _forget(config.state, as_json)
        return
    found = [dataclasses.asdict(check) for check in everything(config)]
    show(found, COLUMNS, as_json)
    ctx.exit(EXIT_WRONG if any(check["state"] == State.FAIL for check in found) else 0)


def _forget(state: Path, as_json: bool) -> None:
    box = outbox(state)
    if box is None:
        show([], DEAD, as_json, "no notifications were ever sent from here")
        return
    with contextlib.closing(box):
        dead = box.dead()
        show([one | {"time": _time(one["kept_at"])} for one in dead], DEAD, as_json, "every notification arrived")
        box.forget_dead([(one["id"], one["channel"]) for one in dead])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
