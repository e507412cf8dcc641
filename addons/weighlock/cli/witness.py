"""`weighlock witness`, for another host, and `weighlock ledger cosign`, which asks one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from weighlock.adapters import takers
from weighlock.adapters import witness as service
from weighlock.adapters.keys import open_witness
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import EXIT_WRONG, read_settings, state_option
from weighlock.cli.ledger import read_verifier
from weighlock.errors import ConfigError
from weighlock.ledger.anchors import Anchor, Medium
from weighlock.ledger.cosign import Cosigner


@click.command("witness")
@click.option("--state", required=True, type=click.Path(file_okay=False, path_type=Path), help="Its own folder.")
@click.option("--name", default="witness.weighlock", show_default=True, help="Of the key that is made at first start.")
@click.option("--log", "logs", required=True, multiple=True, metavar="KEY", help="checkpoint.pub of a gateway.")
@click.option("--listen", default="127.0.0.1:8790", show_default=True, metavar="HOST:PORT")
def witness(state: Path, name: str, logs: tuple[str, ...], listen: str) -> None:
    """Cosign the checkpoints of gateways, from another host than theirs: C2SP's tlog-witness.

    A checkpoint is cosigned only if its log extends what was cosigned before; a fork and a rollback are refused. What
    travels is no secret; put TLS in front where others could change it on the way.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError("not HOST:PORT", "--listen")
    own = open_witness(state, name)
    seen = service.Seen(state, [read_verifier(key) for key in logs])
    click.echo(f"witness {own.cosigner.text}")

    async def run() -> None:
        try:
            service.serve((host.strip("[]"), int(port)), own, seen)
        except OSError as error:
            raise ConfigError(f"cannot be had: {error.strerror}", "--listen") from None
        await asyncio.Event().wait()

    asyncio.run(run())


@click.command("cosign")
@click.argument("url")
@click.option("--witness", "key", required=True, metavar="KEY", help="The witness's own key, as it prints it at start.")
@state_option
@click.pass_context
def cosign(ctx: click.Context, url: str, key: str, state: str) -> None:
    """Have the witness at URL sign the newest checkpoint, and print that with its signature, to be kept elsewhere.

    The gateway does the same by itself for the witnesses among its anchors.

    Exit code 1: it has seen a longer log or another, or does not answer.
    """
    try:
        believed = Cosigner.parse(key)
    except ValueError as error:
        raise ConfigError(str(error), "--witness") from None
    state_folder = read_settings(state=state).state
    path, verifier = state_folder / NAME, read_verifier(str(state_folder / "checkpoint.pub"))
    with Reader(path) as reader:
        try:
            _, note, _ = reader.checkpoint()
        except KeyError:
            raise ConfigError("no checkpoint yet", NAME) from None
    anchor = Anchor("", Medium.WITNESS, 0.0, url, believed)
    try:
        lines = asyncio.run(takers.give(anchor, note, 0, path, verifier))
    except takers.NotTaken as error:
        click.echo(f"NOT OK: {error}", err=True)
        ctx.exit(EXIT_WRONG)
    click.echo(note + lines.decode(), nl=False)
