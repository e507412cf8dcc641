"""`weighlock cutoffs`: refuse a person, workload or token from now on."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime

import click

from weighlock.adapters.stores.control import Control
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show, state_option


@click.group("cutoffs")
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

    CLAIM is any claim of its token (actor_id, sub, email...), or `workload`, `owner`, or `token` (its id).
    """
    before = issued_before.replace(tzinfo=UTC).timestamp() if issued_before else None
    control = Control.open(read_settings(state=state).state)
    cutoff = control.add(
        claim, value, issuer=issuer, before=before, reason=reason, by=getpass.getuser(), now=time.time()
    )
    click.echo(f"cut off {claim} {value} (cut-off {cutoff.id}); lift it with: weighlock cutoffs lift {cutoff.id}")


@cutoffs.command("list")
@click.option("--all", "everything", is_flag=True, help="Lifted ones too.")
@state_option
@as_json
def list_(everything: bool, state: str, as_json: bool) -> None:
    """Show the cut-offs in force."""
    rows = [row for row in Control.open(read_settings(state=state).state).list() if everything or not row["lifted_at"]]
    for row in rows:
        for name in ("added_at", "lifted_at", "before"):
            row[name] = datetime.fromtimestamp(row[name], UTC).isoformat(timespec="seconds") if row[name] else None
    show(rows, ["id", "claim", "value", "issuer", "reason", "by", "added_at"], as_json, "nobody is cut off")


@cutoffs.command("lift")
@click.argument("id", type=int)
@state_option
@click.pass_context
def lift(ctx: click.Context, id: int, state: str) -> None:
    """Lift cut-off ID."""
    if not Control.open(read_settings(state=state).state).lift(id, by=getpass.getuser(), now=time.time()):
        click.echo(f"weighlock: no cut-off {id} is in force; `weighlock cutoffs list` shows those that are", err=True)
        ctx.exit(EXIT_WRONG)
    click.echo(f"lifted cut-off {id}")
