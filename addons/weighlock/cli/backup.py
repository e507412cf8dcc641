"""`weighlock ledger backup`, `restore` and `stats`: what is done with the ledger as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import click

from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores import ledgerlock
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.orders import Orders
from weighlock.cli import backups
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show, state_option
from weighlock.cli.cutoffs import operator
from weighlock.cli.erase import open_orders
from weighlock.cli.searching import open_index
from weighlock.cli.since import Since, since_option

_GROUPS = ("day", "workload", "entity")


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@state_option
def backup(file: Path, state: str) -> None:
    """Copy the ledger to FILE, consistent and verified, also while the gateway writes it.

    Keys are no part of it: keep auditor.key and checkpoint.key elsewhere, each by itself. An erasure makes FILE anew,
    so leave it where it is.
    """
    folder = read_settings(state=state).state
    with open_orders(folder) as orders:
        report = backups.make(folder, file.resolve(), orders)
    click.echo(f"{report.entries} entries, {report.signed} of them signed, in {file}")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Also where entries of the ledger that is there would be lost.")
@state_option
@click.pass_context
def restore(ctx: click.Context, file: Path, force: bool, state: str) -> None:
    """Put FILE in the ledger's place. No gateway may run.

    FILE is verified first, with the public key of the state folder. What was erased since is erased in it before it
    stands there. Refused where the ledger that is there has other entries or more of them: they would be lost, and a
    witness would see a log that goes back.
    """
    folder = read_settings(state=state).state
    lock = ledgerlock.take(folder / "ledger.lock")
    try:
        report = backups.check(file, folder)
        if not report.ok:
            click.echo(f"weighlock: {file} does not verify: {report.problems[0].message}", err=True)
            ctx.exit(EXIT_WRONG)
        lost = backups.lost(folder / NAME, file)
        if lost and not force:
            click.echo(f"weighlock: {lost} would be lost; --force restores nevertheless", err=True)
            ctx.exit(EXIT_WRONG)
        orders = Orders.open(folder)
        erased = backups.restore(folder, file, orders, open_keys(folder), operator())
        orders.close()
    finally:
        os.close(lock)
    click.echo(f"restored {report.entries} entries; the payloads of {erased} were erased again")


@click.command("stats")
@click.option("--by", type=click.Choice(_GROUPS), default="day", show_default=True, help="What a line is.")
@since_option
@click.option("--until", type=Since(), metavar="WHEN", help="Only what is not newer; whole days.")
@state_option
@as_json
def stats(by: str, since: str | None, until: str | None, state: str, as_json: bool) -> None:
    """Show how large the ledger is, by day or workload, or how often each entity was found. Days are UTC, and whole."""
    folder = read_settings(state=state).state
    with open_index(state) as (index, _):
        rows = index.sums(by, since or "", until or "")
    columns = (by, "findings") if by == "entity" else (by, "entries", "clear_bytes", "sealed_bytes")
    show(rows, columns, as_json, empty="nothing")
    if not as_json:
        click.echo(f"{(folder / NAME).stat().st_size} bytes in {folder / NAME}")
