"""`weighlock ledger erase` and `weighlock ledger hold`: whose payloads must go, and whose must not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from weighlock.adapters.erasure import Eraser
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledger import Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerlock import Locked
from weighlock.adapters.stores.orders import OrderKind, Orders
from weighlock.cli.backups import remake
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option, terminal
from weighlock.cli.cutoffs import operator
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.erasure import Kept, Target, chosen, kept

WAIT = 60.0
"""Seconds that a running gateway is waited for."""


def target_options[F: Callable[..., Any]](command: F) -> F:
    """The options that say whose payloads are meant, as one argument, *target*."""

    @functools.wraps(command)
    def run(person: str, workload: str, session: str, **given: Any) -> Any:
        target = Target(person=person, workload=workload, session=session)
        if not target.said:
            raise click.UsageError("say whose: --person, --workload or --session")
        return command(target=target, **given)

    decorated: Any = run
    for decorate in (
        click.option("--session", default="", metavar="ID", help="As `weighlock sessions list` shows it."),
        click.option("--workload", default="", metavar="ID", help="A workload's."),
        click.option("--person", default="", metavar="ID", help="A person's id, or a token's subject."),
    ):
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]


reason_option = click.option("--reason", required=True, help="Why. It stands in the ledger for ever: no personal data.")


@click.command("erase")
@target_options
@reason_option
@click.option("--yes", is_flag=True, help="Erase. Without it, only what would be erased is counted.")
@state_option
@as_json
@click.pass_context
def erase(ctx: click.Context, target: Target, reason: str, yes: bool, state: str, as_json: bool) -> None:
    """Erase the payloads of a person, a workload or a session, by destroying their keys.

    Of several options all must hold. The entries stay, with who, when and how it was judged; an entry says what was
    erased and why, and the ledger verifies as before. What is under a legal hold stays. A gateway that runs is asked,
    and carries it out at once. Back-ups that `weighlock ledger backup` made are made anew; those that cannot be
    reached are named, and `restore` erases again. Copies of other tools, snapshots and what a disk keeps of
    overwritten blocks are out of reach: protect them by the auditor's key, which alone opens payloads.
    """
    folder = read_settings(state=state).state
    with open_orders(folder) as orders:
        seqs, held = chosen(exchanges(folder), target, orders.targets_held())
        said: dict[str, Any] = {"entries": len(seqs), "held": held, "erased": False, "backups": [], "unreached": []}
        if yes and seqs:
            settle(
                folder,
                orders,
                orders.ask(OrderKind.ERASE, target, reason=reason, by=operator(), now=time.time(), seqs=seqs),
            )
            made, unreached = remake(folder, orders)
            said |= {"erased": True, "backups": made, "unreached": unreached}
    if as_json:
        click.echo(json.dumps(said, indent=2))
    else:
        tell(said)
    ctx.exit(EXIT_WRONG if said["unreached"] else 0)


def tell(said: dict[str, Any]) -> None:
    verb = "erased" if said["erased"] else "would be erased, with --yes" if said["entries"] else "found"
    click.echo(f"payloads of {said['entries']} entries {verb}; {said['held']} more are under a legal hold")
    for path in said["backups"]:
        click.echo(f"made anew: {path}")
    for path in said["unreached"]:
        click.echo(f"weighlock: not reached, and still has them: {path}", err=True)


def exchanges(folder: Path) -> Iterator[Kept]:
    """Those of the ledger in *folder* whose payloads can still be opened."""
    with Reader(folder / NAME) as reader:
        data = track(reader.entries(), "Reading", total=reader.count(), console=terminal(), transient=True)
        try:
            yield from kept(map(entry.parse, data), reader.keyed())
        except ValueError:
            raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", str(folder / NAME)) from None


def settle(folder: Path, orders: Orders, id: int) -> None:
    """Have the order *id* carried out: by the gateway that runs, or here where none does."""
    end = time.monotonic() + WAIT
    while not orders.is_done(id):
        with contextlib.suppress(Locked):
            asyncio.run(_carry_out(folder, orders))
            continue
        if time.monotonic() > end:
            raise ConfigError("the gateway has not carried it out yet; it will, and its log says so", str(folder))
        time.sleep(0.1)


async def _carry_out(folder: Path, orders: Orders) -> None:
    ledger = Ledger.open(folder, open_keys(folder))
    try:
        await Eraser(ledger, orders, folder, time.time).carry_out()
    finally:
        await ledger.close()


@contextlib.contextmanager
def open_orders(folder: Path) -> Iterator[Orders]:
    if not (folder / NAME).is_file():
        raise ConfigError("no ledger is there; name the gateway's state folder with --state", str(folder))
    with contextlib.closing(Orders.open(folder)) as orders:
        try:
            yield orders
        except sqlite3.Error as error:
            raise ConfigError(f"cannot be used: {error}", str(folder / "control.db")) from None


@click.group("hold", cls=Group)
def hold() -> None:
    """Legal holds: what one covers can neither be erased nor expire."""


@hold.command("add")
@target_options
@reason_option
@state_option
def add(target: Target, reason: str, state: str) -> None:
    """Hold the payloads of a person, a workload or a session, those to come too. Of several options all must hold."""
    folder = read_settings(state=state).state
    with open_orders(folder) as orders:
        id = orders.ask(OrderKind.HOLD, target, reason=reason, by=operator(), now=time.time())
        settle(folder, orders, id)
    click.echo(f"legal hold {id}; release it with: weighlock ledger hold release {id} --reason ...")


@hold.command("list")
@state_option
@as_json
def list_(state: str, as_json: bool) -> None:
    """Show the legal holds in force."""
    with open_orders(read_settings(state=state).state) as orders:
        rows = orders.holds()
    for row in rows:
        row["since"] = datetime.fromtimestamp(row.pop("asked_at"), UTC).isoformat(timespec="seconds")
        if not as_json:
            row["covers"] = " and ".join(f"{name} {value}" for name, value in row["target"].items())
    show(rows, ("id", "covers", "reason", "by", "since"), as_json, "no legal hold is in force")


@hold.command("release")
@click.argument("id", type=int)
@reason_option
@state_option
@click.pass_context
def release(ctx: click.Context, id: int, reason: str, state: str) -> None:
    """Release the legal hold ID."""
    folder = read_settings(state=state).state
    with open_orders(folder) as orders:
        found = next((row for row in orders.holds() if row["id"] == id), None)
        if found is None:
            click.echo(f"weighlock: no legal hold {id} is in force", err=True)
            ctx.exit(EXIT_WRONG)
        target = Target(**found["target"])
        order = orders.ask(OrderKind.RELEASE, target, reason=reason, by=operator(), now=time.time(), hold=id)
        settle(folder, orders, order)
    click.echo(f"released legal hold {id}")
