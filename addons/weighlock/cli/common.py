"""What all commands share: one-line errors, exit codes, tables for people and JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from weighlock import settings
from weighlock.adapters.rulebook import shipped
from weighlock.errors import ConfigError, Refused

EXIT_WRONG = 1
"""What was asked about is not as it should be: a log that does not verify, a request that was denied."""
EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h: a setting, rule or key that cannot be used."""

WIDE = 500
"""Characters of a table's line that goes to a file or a pipe: there it is not folded."""


class Group(click.Group):
    """A command group that turns the product's own errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"weighlock: {error}", err=True)
            ctx.exit(EXIT_CONFIG)
        except Refused as error:
            click.echo(f"weighlock: {error.reason}" + (f" {error.next_step}" if error.next_step else ""), err=True)
            ctx.exit(EXIT_WRONG)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
state_option = click.option(
    "--state", default="", metavar="DIR", help="The gateway's state folder. Default: WEIGHLOCK_STATE, else the user's."
)
rules_option = click.option(
    "--rules", default="", metavar="DIR", help="The folder of rules. Default: WEIGHLOCK_RULES, else the one shipped."
)


def read_settings(**options: str) -> settings.Settings:
    """Settings as the gateway on this host would read them, with *options* that were given winning."""
    return settings.read(options, os.environ, shipped())


def terminal() -> Console:
    """Where progress is shown: on standard error, if a person sits there."""
    console = Console(stderr=True)
    console.quiet = not console.is_terminal
    return console


def show(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], as_json: bool, empty: str = "nothing") -> None:
    """Print *rows*: one JSON array, or a table of *columns*, or the sentence *empty* where there are none."""
    listed = list(rows)
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not listed:
        click.echo(empty)
        return
    print_table(listed, columns)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(row.get(column, ""))) for column in columns))
    return made


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table(rows, columns))
