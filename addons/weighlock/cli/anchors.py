"""`weighlock ledger anchors`: how far the record is kept outside this host."""

from __future__ import annotations

import contextlib
import json
import time

import click

from weighlock.adapters.anchoring import reach, read_anchors, waits
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.receipts import Receipts
from weighlock.cli.common import EXIT_WRONG, as_json, print_table, read_settings, state_option
from weighlock.errors import ConfigError
from weighlock.ledger.entry import timestamp

COLUMNS = ("anchor", "kind", "entries", "newest", "fails")
anchors_option = click.option(
    "--anchors", "anchors_file", default="", metavar="FILE", help="The file of anchors. Default: WEIGHLOCK_ANCHORS."
)


@click.command("anchors")
@anchors_option
@state_option
@as_json
@click.pass_context
def anchors(ctx: click.Context, anchors_file: str, state: str, as_json: bool) -> None:
    """Show how many entries each anchor covers, since when it fails, and whether all is in time.

    The gateway gives its checkpoints to the anchors by itself. `ledger verify --anchors FILE` checks what they gave.

    Exit code 1: they are late.
    """
    config = read_settings(state=state, anchors=anchors_file)
    listed = read_anchors(config.anchors)
    if not listed.listed:
        raise ConfigError("no anchors; name their file with --anchors or WEIGHLOCK_ANCHORS", "anchors")
    with Reader(config.state / NAME) as reader, contextlib.closing(Receipts.open(config.state)) as receipts:
        count, sizes = reader.size, reach(listed, receipts)
        waited = waits(listed, receipts, reader, time.time())
        newest, failures = receipts.newest(), receipts.failures()
    rows = [
        {
            "anchor": one.id,
            "kind": one.medium.value,
            "entries": sizes[one.id],
            "newest": timestamp(newest[one.id].at) if one.id in newest else "",
            "fails": f"since {timestamp(failed.since)}: {failed.why}" if (failed := failures.get(one.id)) else "",
        }
        for one in listed.listed
    ]
    late = waited > listed.within
    if as_json:
        told = {"entries": count, "needed": listed.needed, "within": listed.within, "waits": waited, "late": late}
        click.echo(json.dumps(told | {"anchors": rows}, indent=2))
    else:
        print_table(rows, COLUMNS)
        asked = f"{listed.needed} of {len(rows)} within {listed.within:g} s"
        click.echo(f"{'LATE' if late else 'in time'}: {count} entries, {asked}; the oldest waits for {waited:.0f} s")
    ctx.exit(EXIT_WRONG if late else 0)
