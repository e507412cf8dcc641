"""The ledger's index, for commands that search."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from rich.progress import track

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerindex import Index
from weighlock.cli.common import read_settings, terminal


@contextlib.contextmanager
def open_index(state: str) -> Iterator[tuple[Index, Reader]]:
    """Brought up to date: who waits for that sees how far it is."""
    folder = read_settings(state=state).state

    def progress(data: Iterable[bytes], count: int) -> Iterable[bytes]:
        return track(data, "Indexing", total=count, console=terminal(), transient=True)

    with Reader(folder / NAME) as reader, Index.open(reader, folder, progress) as index:
        yield index, reader
