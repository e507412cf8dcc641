"""What the commands of `weighlock replay` share: which exchanges are meant, and the auditor's key that opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import read_settings, state_option, terminal
from weighlock.cli.since import Since, since_option
from weighlock.errors import ConfigError
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Entry
from weighlock.replay.recorded import OUTCOMES, Chosen, Recorded, exchanges

VIEWS = ("masked", "client", "upstream")

identity_option = click.option(
    "--identity",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The auditor's age identity. Default: auditor.key in the state folder.",
)
view_option = click.option(
    "--view",
    type=click.Choice(VIEWS),
    default="masked",
    show_default=True,
    help="masked: forwarded and delivered. client: as sent and delivered. upstream: forwarded and as received. "
    "The last two hold plaintext.",
)


def recordings[F: Callable[..., Any]](command: F) -> F:
    """The options that say which exchanges are meant; what they were given comes as keyword arguments of `open_`."""
    for decorate in reversed(
        (
            click.argument("ids", nargs=-1, metavar="[ID]..."),
            click.option("--workload", default="", metavar="ID", help="Only exchanges of this workload."),
            click.option("--principal", default="", metavar="NAME", help="Only of this subject, or person behind it."),
            click.option("--entity", default="", metavar="NAME", help="Only where this was found: EMAIL_ADDRESS."),
            click.option("--verdict", type=click.Choice(OUTCOMES), help="Only what went this way."),
            since_option,
            click.option("--until", type=Since(), metavar="WHEN", help="Only what is not newer."),
            identity_option,
            state_option,
        )
    ):
        command = decorate(command)
    return command


@dataclass(frozen=True, slots=True)
class Recordings:
    """Those that are meant, and how to open what they hold."""

    state: Path
    _reader: Reader
    _identities: tuple[Any, ...]
    _chosen: Chosen

    def __iter__(self) -> Iterator[Recorded]:
        entries = (_parse(data, self.state) for data in self._reader.entries())
        total = self._reader.count()
        seen = track(entries, "Reading", total=total, console=terminal(), transient=True)
        for one in exchanges(seen, lambda seq: _parse(self._reader.entry(seq), self.state)):
            if one in self._chosen:
                yield one

    def open_payload(self, said: Entry, name: str) -> bytes:
        """A weighlock.replay.contents.Open."""
        ciphertext, wrapped = self._reader.payload(said.seq, name)
        return seal.open_sealed(said.payloads[name], ciphertext, wrapped, self._identities)


@contextmanager
def open_(
    *,
    ids: tuple[str, ...],
    workload: str,
    principal: str,
    entity: str,
    verdict: str | None,
    since: str | None,
    until: str | None,
    identity: Path | None,
    state: str,
) -> Iterator[Recordings]:
    """What the options of `recordings` ask for. ConfigError where the ledger or the key is not there."""
    folder = read_settings(state=state).state
    identities = read_identities(identity or folder / "auditor.key")
    chosen = Chosen(ids, workload, principal, entity, verdict or "", since or "", until or "")
    with Reader(folder / NAME) as reader:
        yield Recordings(folder, reader, identities, chosen)


def _parse(data: bytes, folder: Path) -> Entry:
    try:
        return entry.parse(data)
    except ValueError:
        raise ConfigError("an entry cannot be read; run `weighlock ledger verify`", str(folder / NAME)) from None


def read_identities(path: Path) -> tuple[Any, ...]:
    """Of the auditor. Raises ConfigError."""
    try:
        return seal.identities(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"no identity there ({error.strerror}); name it with --identity", str(path)) from None
    except ValueError as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(reason, str(path)) from None
