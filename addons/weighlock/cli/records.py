"""`weighlock records`: known values, such as the customers' numbers and names."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import batched
from pathlib import Path

import click
import numpy as np
from rich.progress import track

from weighlock.adapters.stores import material
from weighlock.cli.common import Group, as_json, state_option, terminal
from weighlock.cli.indexes import label_option, level_option, list_command, now, open_state, remove_command
from weighlock.detection.exact import beginning, normal, record_hashes, shape, unfit
from weighlock.detection.material import Kind, Label, bitmap, subkey
from weighlock.errors import ConfigError
from weighlock.model import ENTITY, LEVELS

_BATCH = 1 << 14


@click.group("records", cls=Group)
def records() -> None:
    """Known values, such as the numbers and names of customers: any text that has one is a finding.

    They are kept as keyed hashes of their letters and digits, so case, spaces and hyphens make no difference.
    """


def _entity(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch(ENTITY, value):
        raise click.BadParameter("capitals, digits and underscores, such as CUSTOMER_ID")
    return value


@records.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", "columns", required=True, multiple=True, help="Its name in the first line; may be repeated.")
@click.option("--entity", required=True, callback=_entity, help="What they are, such as CUSTOMER_ID or PERSON.")
@label_option(required=True, help="What they are called in findings. A label that is there is replaced.")
@level_option
@state_option
@as_json
def add(file: Path, columns: tuple[str, ...], entity: str, label: str, level: str, state: str, as_json: bool) -> None:
    """Index the values of columns of FILE, a CSV file with a first line of names.

    Refused, and counted: values of under 4 characters or 6 digits, and single words, which stand in other texts too.
    The policy speaks of these findings by their tag, `record`, or by ENTITY where a rule finds it as well.
    """
    folder, key = open_state(state)
    chosen = subkey(key, Kind.RECORD)
    refused: Counter[str] = Counter()
    shapes: set[int] = set()
    beginnings: set[str] = set()
    parts = []
    for values in batched(_fit(_values(file, columns), refused), _BATCH):  # a million of them are not held at once
        parts.append(record_hashes(chosen, values))
        shapes.update(map(shape, values))
        beginnings.update(map(beginning, values))
    if not parts:
        raise ConfigError(f"no value that can be looked for{_told(refused)}", str(file))
    index = np.unique(np.concatenate(parts))
    begins = bitmap(record_hashes(chosen, beginnings))
    made = Label(Kind.RECORD, label, entity, LEVELS[level], now(), tuple(sorted(shapes)), begins)
    with material.locked(folder):
        material.write(folder, key, made, index)
    if as_json:
        said = {"label": label, "rule": made.rule, "entity": entity, "records": len(index)}
        click.echo(json.dumps(said | {"refused": {reason: n for reason, n in refused.items() if n}}))
        return
    click.echo(f"indexed {len(index)} records as {made.rule}{_told(refused)}")


def _fit(values: Iterable[str], refused: Counter[str]) -> Iterator[str]:
    """The normal form of those that can be looked for; the others are counted."""
    for value in track(values, "indexing", total=None, console=terminal(), transient=True):
        if reason := unfit(value):
            refused[reason] += bool(value.strip())
        else:
            yield normal(value)


def _told(refused: Counter[str]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()) if count)
    return f"; refused: {counts}" if counts else ""


def _values(file: Path, columns: tuple[str, ...]) -> Iterator[str]:
    """Raises ConfigError for a file that is not such a table. What stands in it is not told."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            for column in columns:
                if column not in (table.fieldnames or ()):
                    raise ConfigError(f"has no column {column!r}", str(file))
            for row in table:
                yield from (row[column] or "" for column in columns)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot be read as CSV: {type(error).__name__}", str(file)) from None


list_command(records, Kind.RECORD, empty="no record is indexed")
remove_command(records, Kind.RECORD)
