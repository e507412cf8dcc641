"""`weighlock ledger prove`, `consistency` and `check`: proofs that are handed to others, and their check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, state_option
from weighlock.cli.ledger import read_verifier
from weighlock.errors import ConfigError
from weighlock.ledger import merkle, proof
from weighlock.ledger.proof import BadProof, Consistency, Inclusion

_EXCHANGE = """
    SELECT seq FROM entries
    WHERE json_valid(entry) AND json_extract(entry, '$.body.exchange') = :exchange ORDER BY seq
"""


@click.command("prove")
@click.argument("what", metavar="EXCHANGE|SEQ")
@click.option("--to", default=".", type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@state_option
def prove(what: str, to: Path, state: str) -> None:
    """Write a proof of each entry of an exchange, or of one entry, as SEQ.tlog-proof.

    The file holds the entry's clear part and the newest checkpoint; whoever has checkpoint.pub can check it with
    `weighlock ledger check`, or with any tool for C2SP's tlog-proof@v1. Payloads stay where they are.
    """
    with Reader(read_settings(state=state).state / NAME) as reader:
        seqs = _seqs(reader, what)
        size, note = max(reader.checkpoints(), default=(0, ""))
        late = [seq for seq in seqs if seq >= size]
        if late:
            raise ConfigError(f"no checkpoint covers entry {late[0]} yet; one does within seconds", what)
        tree = reader.tree(size)
        proofs = [Inclusion(seq, reader.entry(seq), merkle.inclusion_proof(seq, tree), note) for seq in seqs]
    to.mkdir(parents=True, exist_ok=True)
    for made in proofs:
        path = to / f"{made.index}.tlog-proof"
        path.write_text(made.text, "utf-8")
        click.echo(path)


def _seqs(reader: Reader, what: str) -> list[int]:
    if what.isdecimal() and len(what) < 19:
        seqs = [int(what)] if reader.first <= int(what) < reader.size else []
    else:
        seqs = [row["seq"] for row in reader.query(_EXCHANGE, exchange=what)]
    if not seqs:
        raise ConfigError("no such entry or exchange", what)
    return seqs


@click.command("consistency")
@click.argument("old", type=click.IntRange(min=1))
@click.argument("new", type=click.IntRange(min=1), required=False)
@state_option
def consistency(old: int, new: int | None, state: str) -> None:
    """Print a proof that the log of NEW entries begins with its first OLD ones. NEW: a checkpoint's; default: newest.

    It is what C2SP's witnesses take; `weighlock ledger check PROOF --old NOTE` checks it against a checkpoint that was
    kept elsewhere.
    """
    with Reader(read_settings(state=state).state / NAME) as reader:
        notes = dict(reader.checkpoints())
        size = new or max(notes, default=0)
        if size not in notes:
            raise ConfigError("no checkpoint of so many entries", str(size))
        if old > size:
            raise ConfigError(f"more than the checkpoint's {size} entries", str(old))
        try:
            hashes = merkle.consistency_proof(old, reader.tree(size, old))
        except IndexError:
            raise ConfigError("the segments that show it were removed", str(old)) from None
    click.echo(Consistency(old, hashes, notes[size]).text, nl=False)


@click.command("checkpoint")
@click.option("--size", type=click.IntRange(min=1), help="Of the checkpoint. Default: the newest.")
@state_option
def checkpoint(size: int | None, state: str) -> None:
    """Print a signed checkpoint, to be kept elsewhere: `weighlock ledger verify --kept` holds the log to it."""
    with Reader(read_settings(state=state).state / NAME) as reader:
        notes = dict(reader.checkpoints())
    chosen = size or max(notes, default=0)
    if chosen not in notes:
        raise ConfigError("no checkpoint of so many entries", str(chosen))
    click.echo(notes[chosen], nl=False)


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", default="", metavar="KEY", help="checkpoint.pub, or its text. Default: that of the state folder."
)
@click.option("--old", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The older checkpoint.")
@state_option
@as_json
@click.pass_context
def check(ctx: click.Context, file: Path, key: str, old: Path | None, state: str, as_json: bool) -> None:
    """Check a proof that `prove` or `consistency` made. Exit code 1: it proves nothing."""
    verifier = read_verifier(key or str(read_settings(state=state).state / "checkpoint.pub"))
    found: dict[str, Any] = {"ok": True, "log": verifier.name}
    try:
        made = proof.parse(_text(file))
        if isinstance(made, Inclusion):
            said = made.check(verifier)
            found |= {"seq": made.index, "size": said.size, "entry": json.loads(made.entry)}
            line = f"ok: entry {made.index} is in the log {verifier.name} of {said.size} entries"
        elif old is None:
            raise ConfigError("the older checkpoint is needed: --old", str(file))
        else:
            said = made.check(verifier, _text(old))
            found |= {"old": made.old, "size": said.size}
            line = f"ok: the log {verifier.name} of {said.size} entries begins with the first {made.old}"
    except ValueError as error:
        found |= {"ok": False, "problem": str(error)}
        line = f"NOT OK: {error}"
    click.echo(json.dumps(found, indent=2) if as_json else line)
    ctx.exit(0 if found["ok"] else EXIT_WRONG)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadProof("not text") from None
