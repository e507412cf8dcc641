"""What a dialect makes of a message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from weighlock.model import Headers, NotInspected, Text
from weighlock.wire.shape import Spelled


class Body(Protocol):
    """What a message says, to be rewritten by pointer and serialised anew."""

    @property
    def media(self) -> str: ...

    def rewrite(self, texts: Mapping[str, str]) -> Body: ...

    def without(self, pointers: Collection[str]) -> Body:
        """Without what stands at these places."""

    def dumps(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as a dialect sees it: *path* without the query, and only those *headers* that would go on."""

    method: str
    path: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    headers: Headers = field(repr=False)
    content_type: str
    body: bytes = field(repr=False)
    socket: bool = False
    """Whether it asks for a WebSocket."""


@dataclass(frozen=True, slots=True)
class Said:
    """A body that was read: each of its strings is in *texts*, or a word of the API, or counted in *not_inspected*."""

    body: Body | None = field(default=None, repr=False)
    texts: tuple[Text, ...] = field(default=(), repr=False)
    not_inspected: tuple[NotInspected, ...] = ()
    spelled: Mapping[str, tuple[Spelled, ...]] = field(default_factory=dict)
    """By the pointer of a text: what repeats it piece by piece."""
    dropped: tuple[str, ...] = ()
    """Pointers of what is left out of a JSON body in any case."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    model: str = ""
    stream: bool = False
