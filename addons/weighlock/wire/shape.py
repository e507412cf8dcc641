"""How the events of a stream continue each other: what a dialect knows of it, and a masker needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from weighlock.model import Role
from weighlock.wire.jsontext import Document, Leaf


class StreamShape(Protocol):
    """How one operation's events continue each other."""

    done: str
    """The data of the event that ends the stream."""

    def windows(self, document: Document) -> Mapping[str, str]:
        """Pointers of the strings that continue a text, each with the name of that text."""

    def ended(self, document: Document) -> tuple[str, ...]:
        """Prefixes of the names of the texts that are complete with this event."""

    def role(self, leaf: Leaf) -> Role | None:
        """What any other leaf is; None for a word of the API itself."""
