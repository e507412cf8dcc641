"""What the commands of `weighlock replay` share: which exchanges are meant, and the auditor's key that opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.cli.common import read_settings, state_option, terminal
from weighlock.cli.since import Since, since_option
from weighlock.ledger.entry import Entry
from weighlock.replay.contents import Open
from weighlock.replay.recorded import OUTCOMES, Chosen, Recorded
from weighlock.replay.source import opener, read_identities, recorded_in

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

    open_payload: Open
    _reader: Reader
    _state: Path
    _chosen: Chosen

    def __iter__(self) -> Iterator[Recorded]:
        total = self._reader.count()

        def shown(entries: Iterable[Entry]) -> Iterable[Entry]:
            return track(entries, "Reading", total=total, console=terminal(), transient=True)

        return (one for one in recorded_in(self._reader, self._state, shown) if one in self._chosen)


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
        yield Recordings(opener(reader, identities), reader, folder, chosen)
