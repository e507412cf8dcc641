"""`weighlock replay`: the record, opened again with the auditor's key."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.progress import track

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import Group, read_settings, state_option, terminal
from weighlock.cli.since import since_option
from weighlock.errors import ConfigError
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Entry


@click.group(cls=Group)
def replay() -> None:
    """Open the record again."""


@replay.command("export")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the flows go; mode 0600.",
)
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The auditor's age identity. Default: auditor.key in the state folder.",
)
@click.option(
    "--view",
    type=click.Choice(["masked", "client", "upstream"]),
    default="masked",
    show_default=True,
    help="masked: forwarded and delivered. client: as sent and delivered. upstream: forwarded and as received. "
    "The last two hold plaintext.",
)
@since_option
@click.option("--workload", default="", metavar="ID", help="Only exchanges of this workload.")
@state_option
def export_(output: Path, identity: Path | None, view: str, since: str | None, workload: str, state: str) -> None:
    """Write recorded exchanges as mitmproxy flows, for mitmweb -r, mitmproxy -r and mitmdump -nr."""
    # Here, so that no other command waits for mitmproxy.
    from weighlock.replay.export import View, exchanges, export  # noqa: PLC0415

    folder = read_settings(state=state).state
    identities = _identities(identity or folder / "auditor.key")
    with Reader(folder / NAME) as reader:

        def read(seq: int) -> Entry:
            return _parse(reader.entry(seq), folder)

        def open_payload(said: Entry, name: str) -> bytes:
            ciphertext, wrapped = reader.payload(said.seq, name)
            return seal.open_sealed(said.payloads[name], ciphertext, wrapped, identities)

        entries = (_parse(data, folder) for data in reader.entries())
        seen = track(entries, "Reading", total=reader.count(), console=terminal(), transient=True)
        chosen = (
            one
            for one in exchanges(seen, read)
            if one.entries[0].time >= (since or "") and (not workload or one.workload == workload)
        )
        count = _write(output, lambda out: export(chosen, open_payload, View(view), out))
    click.echo(f"{count} flows in {output}; look at them with: mitmweb -n -r {output}")


def _parse(data: bytes, folder: Path) -> Entry:
    try:
        return entry.parse(data)
    except ValueError:
        raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", str(folder / NAME)) from None


def _identities(path: Path) -> tuple[Any, ...]:
    try:
        return seal.identities(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"no identity there ({error.strerror}); name it with --identity", str(path)) from None
    except ValueError as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(reason, str(path)) from None


def _write(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """What *write* makes, at *path*: whole or not at all, and for its owner only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            count = write(out)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", str(path)) from None
    finally:
        draft.unlink(missing_ok=True)
    return count
