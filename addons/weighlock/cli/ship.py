"""`weighlock ledger ship`: the clear part of the ledger, for a SIEM."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import click

from weighlock.adapters.sinks import Line, Send, sink
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import EXIT_WRONG, read_settings, state_option
from weighlock.cli.ledger import read_verifier
from weighlock.errors import ConfigError
from weighlock.ledger import entry, ocsf

BATCH = 200
"""Entries that are sent at once."""
INTERVAL = 1.0
LONGEST = 60.0
"""Seconds between two tries, at most."""


@click.command("ship")
@click.option(
    "--to", required=True, metavar="WHERE", help="A path, https://…, syslog+tls://…, syslog+tcp://…, syslog+udp://…"
)
@click.option("--token-env", default="", metavar="NAME", help="Variable with a bearer token for https.")
@click.option("--ca", default="", metavar="FILE", help="Authorities that take the place of the system's (PEM).")
@click.option("--certificate", default="", metavar="FILE", help="A certificate of our own, with its key (PEM).")
@click.option(
    "--cursor", type=click.Path(path_type=Path), metavar="FILE", help="Where it got to. Default: in the state folder."
)
@click.option("--follow", is_flag=True, help="Go on as entries are written, and try again what fails.")
@state_option
@click.pass_context
def ship(
    ctx: click.Context,
    to: str,
    token_env: str,
    ca: str,
    certificate: str,
    cursor: Path | None,
    follow: bool,
    state: str,
) -> None:
    """Send entries as OCSF events, one JSON line each, in their order and at least once.

    Asked again, it goes on where it stopped: a cursor is kept for each WHERE. What fails is sent again, so an event
    may come twice; its metadata.uid says so. Syslog by UDP or TCP confirms nothing: events can be lost on their way.
    Clear fields only; nothing that was sealed leaves.
    """
    folder = read_settings(state=state).state
    if token_env and not os.environ.get(token_env):
        raise ConfigError("is not set", token_env)
    send = sink(to, os.environ.get(token_env, "") if token_env else "", ca, certificate)
    place = cursor or folder / f"ship-{hashlib.sha256(to.encode()).hexdigest()[:12]}.cursor"
    pause = INTERVAL
    while True:
        try:
            sent = _ship(folder, send, place)
        except OSError as error:
            click.echo(f"weighlock: not delivered: {error.strerror or error}", err=True)
            if not follow:
                ctx.exit(EXIT_WRONG)
            pause = min(LONGEST, 2 * pause)
        else:
            pause = INTERVAL
            if not follow:
                click.echo(f"{sent} entries sent")
                return
        time.sleep(pause)


def _ship(folder: Path, send: Send, place: Path) -> int:
    """Send what follows the cursor at *place*; how many entries."""
    log, product = read_verifier(str(folder / "checkpoint.pub")).name, version("weighlock")
    following = start = _read(place)
    with Reader(folder / NAME) as reader:
        if following > reader.size:
            raise ConfigError("is beyond the ledger's end: it is that of another one", str(place))
        if following < reader.first:
            gone = f"entries {following} to {reader.first - 1} were removed before they were sent"
            click.echo(f"weighlock: {gone}", err=True)
            following = start = reader.first
        entries = reader.entries(first=following)
        while batch := list(islice(entries, BATCH)):
            send([line for data in batch for line in _lines(data, log, product)])
            following += len(batch)
            _write(place, following)
    return following - start


def _lines(data: bytes, log: str, product: str) -> Iterator[Line]:
    try:
        said = entry.parse(data)
    except ValueError:
        raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", NAME) from None
    for event in ocsf.events(said, log, product):
        severity = 4 if event["severity_id"] >= 3 else 5 if event["severity_id"] == 2 else 6
        yield Line(said.time, said.kind.value, severity, json.dumps(event, ensure_ascii=False, separators=(",", ":")))


def _read(place: Path) -> int:
    try:
        following = json.loads(place.read_text("utf-8"))["next"]
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError):
        following = None
    if not isinstance(following, int) or following < 0:
        raise ConfigError("is no cursor; take it away to begin anew", str(place))
    return following


def _write(place: Path, following: int) -> None:
    draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump({"next": following}, out)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(place)
