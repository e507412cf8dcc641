"""What is in the frames of a stream, and how they continue each other: what a dialect knows, and a masker needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from weighlock.model import NotInspected, Role, Text
from weighlock.wire.jsontext import Document


@dataclass(frozen=True, slots=True)
class Run:
    """A text that runs over many events, by its name in the stream; *json* where all of it is to be one JSON text."""

    name: str
    json: bool = False
    role: Role = Role.CONTENT


@dataclass(frozen=True, slots=True)
class Spelled:
    """*places* repeat `text[start:end]`, in code points: they are left out where any of that is masked."""

    start: int
    end: int
    places: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """A frame as its dialect reads it. Every string, number and member name of *document* is in *texts*, is a run, is
    spelled by one, is *dropped*, or is a word of the API itself.
    """

    document: Document | None = field(default=None, repr=False)
    """None for a word that is no JSON."""
    texts: tuple[Text, ...] = field(default=(), repr=False)
    not_inspected: tuple[NotInspected, ...] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)
    """By the pointer of the string that continues it. Their order is that of the text."""
    spelled: Mapping[str, tuple[Spelled, ...]] = field(default_factory=dict)
    """By the pointer of a run's string or of a text."""
    dropped: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    """Beginnings of the names of the runs that are complete with this event."""
    last: bool = False
    """Nothing follows: all runs are complete with it. A model host may be slow to close what it has ended so."""


class StreamShape(Protocol):
    """One stream's. It sees every frame, in order."""

    def read(self, data: str) -> Event:
        """Raises Malformed, or BadReply for what is not of this operation."""

    @property
    def complete(self) -> bool:
        """Whether the stream may end here."""
