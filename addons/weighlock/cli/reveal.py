"""`weighlock reveal`: what the `encrypt` operator put in place of a value, turned back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from weighlock.adapters.keys import open_keys
from weighlock.cli.common import EXIT_WRONG, read_settings, state_option
from weighlock.errors import ConfigError
from weighlock.masking.sealed import opened


@click.command("reveal")
@click.argument("text", metavar="TEXT|-")
@state_option
def reveal(text: str, state: str) -> None:
    """Print TEXT (- for standard input) with every <ENTITY=…> in it as it was before the `encrypt` operator.

    It needs the gateway's fingerprint.key: run it on the gateway's host, as its user. Exit code 1: something in it was
    not encrypted by this gateway, and stays as it is.
    """
    folder = Path(read_settings(state=state).state)
    if not (folder / "fingerprint.key").exists():
        raise ConfigError("no gateway has run with this state folder; name its own with --state", str(folder))
    plain, done, foreign = opened(open_keys(folder).fingerprint, sys.stdin.read() if text == "-" else text)
    click.echo(plain, nl=text != "-")
    click.echo(f"weighlock: {done} revealed" + (f", {foreign} not of this gateway" if foreign else ""), err=True)
    if foreign:
        sys.exit(EXIT_WRONG)
