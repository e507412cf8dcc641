"""`weighlock report`: what the record says, summed up for a person who has to act on it."""

from __future__ import annotations

import time

import click

from weighlock.adapters.stores.keyuse import key_uses
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option
from weighlock.cli.since import Since

COLUMNS = (
    "vendor",
    "fingerprint",
    "last4",
    "workload",
    "source",
    "host",
    "first_seen",
    "last_seen",
    "requests",
    "bytes",
)


@click.group(cls=Group)
def report() -> None:
    """Sum the record up."""


@report.command("credentials")
@click.option("--since", type=Since(), default="30d", show_default=True, metavar="WHEN", help="90m, 24h, 7d, ISO time.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="At most this many lines.")
@click.option("--fail", is_flag=True, help="Exit code 1 where there is any.")
@state_option
@as_json
@click.pass_context
def credentials(ctx: click.Context, since: str, limit: int, fail: bool, state: str, as_json: bool) -> None:
    """Show which static keys were tried, by whose jobs, towards which hosts. None of them got through.

    A line is one key from one workload to one host. The workload is that of a verified token which came with the key;
    where none did, the line has the client's address instead. What matters most is first: keys used within the last
    24 hours, then within 7 days, then the rest; among these the ones with the most requests. BYTES adds up the
    bodies, as announced by the client where they were not read.

    The fingerprint is a hash of the key under a secret of this gateway: equal for equal keys here, different at every
    other gateway, and of no use to whoever wants to guess the key. The last four characters are for finding it in the
    vendor's own list of keys.

    Next: revoke the key at its vendor, by its last four characters; find the job by its workload or address and take
    the key out of it; send the pipeline's own token instead.
    """
    with Reader(read_settings(state=state).state / NAME) as reader:
        rows, total = key_uses(reader, since=since, now=time.time(), limit=limit)
    show(rows, COLUMNS, as_json, empty="no static key was tried")
    if total > len(rows):
        click.echo(f"weighlock: {total - len(rows)} more lines; ask for them with --limit", err=True)
    if fail and rows:
        ctx.exit(EXIT_WRONG)
