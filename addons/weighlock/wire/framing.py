"""How a stream is cut into frames; read incrementally and written anew. What stands between frames is dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

LIMIT = 1 << 20
"""Bytes that one frame may have."""


@dataclass(frozen=True, slots=True)
class Frame:
    """*data* is a JSON text, or a word that is none, such as [DONE]. *name* and *id* are an SSE event's."""

    data: str = field(repr=False)
    name: str = field(default="", repr=False)
    id: str = field(default="", repr=False)


class Framing(Protocol):
    """One stream's."""

    heartbeat: bytes
    """What keeps a client waiting and tells it nothing; empty where there is no such thing."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that *data* completes. Raises BadReply on bytes that are no UTF-8, or over LIMIT."""

    def finish(self) -> list[Frame]:
        """The last frame, where nothing ends it; whether it is whole, its JSON tells. Raises BadReply."""

    def encode(self, frame: Frame) -> bytes:
        """*frame* on the wire; frames are written in their order."""

    def close(self) -> bytes:
        """What ends the stream, behind its last frame."""
