"""`weighlock witness`, for another host, and `weighlock ledger cosign`, which asks one."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import click

from weighlock.adapters import witness as service
from weighlock.adapters.keys import open_witness
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import EXIT_WRONG, read_settings, state_option
from weighlock.cli.ledger import read_verifier
from weighlock.errors import ConfigError
from weighlock.ledger import merkle
from weighlock.ledger.checkpoint import BadNote
from weighlock.ledger.cosign import Cosigner, NotCosigned
from weighlock.ledger.proof import Consistency


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

    Exit code 1: it refuses, since it has seen a longer log or another.
    """
    try:
        believed = Cosigner.parse(key)
    except ValueError as error:
        raise ConfigError(str(error), "--witness") from None
    with Reader(read_settings(state=state).state / NAME) as reader:
        size, note = max(reader.checkpoints(), default=(0, ""))
        leaves = [row.leaf for row in itertools.islice(reader.rows(), size)]
    if not size:
        raise ConfigError("no checkpoint yet", NAME)
    try:
        signed = note + _asked(url, note, leaves)
        believed.when(signed)
    except (NotCosigned, BadNote) as error:
        click.echo(f"NOT OK: {error}", err=True)
        ctx.exit(EXIT_WRONG)
    except OSError:
        raise ConfigError("the witness does not answer", url) from None
    click.echo(signed, nl=False)


def _asked(url: str, note: str, leaves: list[bytes]) -> str:
    """The first request learns how far the witness has seen the log, and the second proves it from there."""
    try:
        return service.ask(url, Consistency(0, [], note).text)
    except NotCosigned as error:
        seen = error.size
        if error.status != 409 or not seen:
            raise
    if seen > len(leaves):
        raise NotCosigned(
            409, f"the witness has seen {seen} entries, and {len(leaves)} are signed here: it was cut", seen
        )
    hashes = merkle.consistency_proof(seen, leaves)
    try:
        return service.ask(url, Consistency(seen, hashes, note).text)
    except NotCosigned as error:
        raise NotCosigned(error.status, f"the witness refuses: the log is not the one it saw ({error})") from None
