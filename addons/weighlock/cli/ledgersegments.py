"""`weighlock ledger segments` and `expire`: what becomes of the ledger with time."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.orders import OrderKind, Orders
from weighlock.cli import backups
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show, state_option
from weighlock.cli.cutoffs import operator
from weighlock.cli.erase import exchanges, open_orders, settle, tell
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.erasure import Target, chosen
from weighlock.ledger.retention import expired, removable

_COLUMNS = ("first", "entries", "from", "until", "payloads")


@click.command("segments")
@state_option
@as_json
def segments(state: str, as_json: bool) -> None:
    """Show the ledger's segments: the last is the one that is written.

    Each closes after the time that the setting `ledger_segment` says, with a checkpoint that the first entry of the
    next one names. With `entries=400d` in `retention`, `ledger expire` removes those that are older, the oldest first,
    and an entry says so; the log verifies as before.
    """
    with Reader(read_settings(state=state).state / NAME) as reader:
        keyed = sorted(reader.keyed())
        rows = [
            {
                "first": first,
                "entries": end - first,
                "from": _time(reader, first),
                "until": _time(reader, end - 1),
                "payloads": sum(first <= seq < end for seq in keyed),
            }
            for first, end in pairwise([*reader.segments(), reader.size])
            if end > first
        ]
    show(rows, _COLUMNS, as_json, empty="no entries")


def _time(reader: Reader, seq: int) -> str:
    try:
        return entry.parse(reader.entry(seq)).time
    except (KeyError, ValueError):
        raise ConfigError(f"entry {seq} cannot be read; run `weighlock ledger verify`", NAME) from None


@click.command("expire")
@click.option("--retention", default="", metavar="RULES", help="Instead of the setting: 180d, workload/nightly=7d.")
@click.option("--yes", is_flag=True, help="Erase and remove. Without it, what would be is only counted.")
@state_option
@as_json
@click.pass_context
def expire(ctx: click.Context, retention: str, yes: bool, state: str, as_json: bool) -> None:
    """Erase the payloads that are kept long enough, and remove old segments, as `retention` says; for a timer, with
    --yes.

    Such as "180d verdict/refused=30d workload/nightly=7d statement/bulk=400d": the first that speaks of an exchange
    decides, else the age that stands alone; without one the rest is kept for ever. Legal holds win.

    Entries stay, but for "entries=400d": segments that closed so long ago are removed whole, payloads with them. One
    with a payload under a legal hold stays, and so do all after it. Back-ups are made anew without them.
    """
    config = read_settings(state=state, retention=retention)
    if not config.retention:
        raise ConfigError("no age is set", "WEIGHLOCK_RETENTION")
    folder, now = config.state, time.time()
    with open_orders(folder) as orders:
        known = list(exchanges(folder))
        seqs, held = chosen(expired(known, config.retention, now), Target(), orders.targets_held())
        gone = frozenset(seqs)
        stay = (one for one in known if not gone.issuperset(one.seqs))
        begun = _begun(folder)
        before = removable(begun, stay, config.retention, now)
        said: dict[str, Any] = {"entries": len(seqs), "held": held, "erased": False, "backups": [], "unreached": []}
        old = 1 + sum(first < before for first, _ in begun) if before else 0
        said |= {"segments": old, "before": before, "removed": False}
        if yes and (seqs or before):
            _carry_out(folder, orders, seqs, before, now)
            made, unreached = backups.remake(folder, orders)
            said |= {"erased": bool(seqs), "removed": bool(before), "backups": made, "unreached": unreached}
    if as_json:
        click.echo(json.dumps(said, indent=2))
    else:
        tell(said)
        if before:
            verb = "removed" if said["removed"] else "would be removed, with --yes"
            click.echo(f"{said['segments']} segments, of the entries before {before}, {verb}")
    ctx.exit(EXIT_WRONG if said["unreached"] else 0)


def _begun(folder: Path) -> list[tuple[int, str]]:
    """The first entry of each segment that is not the oldest, and its time: when the one before it closed."""
    with Reader(folder / NAME) as reader:
        return [(first, _time(reader, first)) for first in reader.segments() if first > reader.first]


def _carry_out(folder: Path, orders: Orders, seqs: list[int], before: int, now: float) -> None:
    for kind, what in ((OrderKind.ERASE, seqs), (OrderKind.REMOVE, [before] if before else [])):
        if what:
            order = orders.ask(kind, Target(), reason="retention", by=operator(), now=now, seqs=what)
            settle(folder, orders, order)
