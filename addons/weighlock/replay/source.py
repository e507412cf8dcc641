"""A ledger and the auditor's key: what the record is opened with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.errors import ConfigError
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Entry
from weighlock.replay.contents import Open
from weighlock.replay.recorded import Recorded, exchanges


def read_identities(path: Path) -> tuple[Any, ...]:
    """The age identities in the file *path*; ConfigError, without a word of it, where there is none."""
    try:
        return seal.identities(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"no identity there ({error.strerror}); name it with --identity", str(path)) from None
    except ValueError as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(reason, str(path)) from None


def recorded_in(
    reader: Reader, state: Path, seen: Callable[[Iterable[Entry]], Iterable[Entry]] = iter
) -> Iterator[Recorded]:
    """All exchanges of the ledger in *state*; *seen* is told of every entry as it is read."""
    entries = (_parse(data, state) for data in reader.entries())
    return exchanges(seen(entries), lambda seq: _parse(reader.entry(seq), state))


def opener(reader: Reader, identities: tuple[Any, ...]) -> Open:
    def open_payload(said: Entry, name: str) -> bytes:
        ciphertext, wrapped = reader.payload(said.seq, name)
        return seal.open_sealed(said.payloads[name], ciphertext, wrapped, identities)

    return open_payload


def _parse(data: bytes, state: Path) -> Entry:
    try:
        return entry.parse(data)
    except ValueError:
        raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", str(state / NAME)) from None
