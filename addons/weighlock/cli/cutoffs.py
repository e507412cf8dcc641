"""`weighlock cutoffs`: refuse a person, workload or token from now on."""

from __future__ import annotations

import contextlib
import getpass
import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from weighlock.adapters.stores.control import Control
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option
from weighlock.errors import ConfigError


@click.group("cutoffs", cls=Group)
def cutoffs() -> None:
    """Cut a person, workload or token off: new requests, held ones and running streams, within a second."""


@cutoffs.command("add")
@click.argument("claim")
@click.argument("value")
@click.option("--issuer", default="", help="Only tokens of this issuer. Default: any.")
@click.option("--issued-before", type=click.DateTime(), help="Only tokens issued before then (UTC). Default: all.")
@click.option("--reason", required=True, help="Why; shown in the list.")
@state_option
def add(claim: str, value: str, issuer: str, issued_before: datetime | None, reason: str, state: str) -> None:
    """Cut off every principal whose CLAIM equals VALUE.

    CLAIM is any claim of its token (actor_id, sub, email... or a JSON pointer into nested ones), or `workload`,
    `session`, `token` (their ids), `key` (a static key's fingerprint: it never passes, and is refused as cut off), or
    `person`: an id of people.yaml. `weighlock offboard` cuts off all that a person is known by.
    """
    if claim == "owner":
        raise click.UsageError("use `person`: it cuts off what they own, start and approve")
    if not claim.strip() or not value.strip():
        raise click.UsageError("CLAIM and VALUE must not be empty: such a cut-off would cut nobody off")
    before = issued_before.replace(tzinfo=UTC).timestamp() if issued_before else None
    with open_control(state) as control:
        cutoff = control.add(
            claim.strip(), value.strip(), issuer=issuer, before=before, reason=reason, by=operator(), now=time.time()
        )
    click.echo(f"cut off {claim} {value} (cut-off {cutoff.id}); lift it with: weighlock cutoffs lift {cutoff.id}")


@cutoffs.command("list")
@click.option("--all", "everything", is_flag=True, help="Lifted ones too.")
@state_option
@as_json
def list_(everything: bool, state: str, as_json: bool) -> None:
    """Show the cut-offs in force."""
    with open_control(state) as control:
        rows = [row for row in control.list() if everything or not row["lifted_at"]]
    for row in rows:
        for name in ("added_at", "lifted_at", "before"):
            row[name] = datetime.fromtimestamp(row[name], UTC).isoformat(timespec="seconds") if row[name] else None
    show(rows, ["id", "claim", "value", "issuer", "reason", "by", "added_at"], as_json, "nobody is cut off")


@cutoffs.command("lift")
@click.argument("ids", type=int, nargs=-1, required=True, metavar="ID...")
@state_option
@click.pass_context
def lift(ctx: click.Context, ids: tuple[int, ...], state: str) -> None:
    """Lift cut-offs by their ID. Whom others still cut off stays cut off."""
    with open_control(state) as control:
        lifted = {id: control.lift(id, by=operator(), now=time.time()) for id in ids}
    for id, done in lifted.items():
        missing = f"weighlock: no cut-off {id} is in force; `weighlock cutoffs list` shows those that are"
        click.echo(f"lifted cut-off {id}" if done else missing, err=not done)
    if not all(lifted.values()):
        ctx.exit(EXIT_WRONG)


@contextlib.contextmanager
def open_control(state: str) -> Iterator[Control]:
    """The gateway's own, closed afterwards. A folder that no gateway has used is refused: nobody would be cut off."""
    folder = read_settings(state=state).state
    if not (folder / "control.db").is_file():
        raise ConfigError("no gateway has used this state folder; name its own with --state", str(folder))
    with contextlib.closing(Control.open(folder)) as control:
        try:
            yield control
        except sqlite3.Error as error:
            raise ConfigError(f"cannot be used: {error}", str(folder / "control.db")) from None


def operator() -> str:
    """The account's name; a container's user may have none, and must be able to cut somebody off nevertheless."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
