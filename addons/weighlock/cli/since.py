"""`--since`: a moment, or how long ago; and the ledger's entries back to it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, timestamp

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Since(click.ParamType[str]):
    """Converts to the text of an entry's time, with which it compares as text."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        ago = re.fullmatch(r"([0-9]{1,6})([smhd])", value)
        try:
            if ago:
                return timestamp(time.time() - int(ago[1]) * _UNITS[ago[2]])
            moment = datetime.fromisoformat(value)
            return timestamp((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is neither a duration such as 90m, 24h or 7d nor a time such as 2026-01-31T08:00Z")


since_option = click.option(
    "--since",
    type=Since(),
    metavar="WHEN",
    help="Only what is not older: 90m, 24h, 7d, or an ISO time (UTC).",
)


def entries_since(since: str, path: Path) -> Generator[Entry]:
    """From the newest back to *since*, which is the text of an entry's time; empty for all of the ledger at *path*."""
    with Reader(path) as reader:
        for data in reader.entries(newest_first=True):
            said = _parsed(data, path)
            if said.time < since:
                return
            yield said


@contextlib.contextmanager
def entries_from(since: str, path: Path) -> Iterator[tuple[int, Iterator[Entry]]]:
    """The same from *since* on, the oldest first; and how many they are."""
    with Reader(path) as reader:
        first, after = reader.first, reader.size
        while first < after:  # times never go back
            middle = (first + after) // 2
            if _parsed(reader.entry(middle), path).time < since:
                first = middle + 1
            else:
                after = middle
        yield reader.size - first, (_parsed(data, path) for data in reader.entries(first=first))


def _parsed(data: bytes, path: Path) -> Entry:
    try:
        return entry.parse(data)
    except ValueError:
        raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", str(path)) from None
