"""What passed one way in a stream, and when each piece of it did, so that it can be told again at its own pace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from weighlock.errors import Malformed

Piece = tuple[int, int]
"""When, in milliseconds since the exchange began; and how many bytes."""


class Tape:
    """*elapsed* tells the milliseconds since the exchange began; should it go back, the tape does not."""

    def __init__(self, elapsed: Callable[[], int]) -> None:
        self.data = bytearray()
        self.pieces: list[Piece] = []
        self._elapsed = elapsed

    def add(self, data: bytes) -> None:
        """The next piece. What passes within one millisecond is one: so a flood of single bytes costs little."""
        at, size = self._now(), len(data)
        if self.pieces and self.pieces[-1][0] == at:
            size += self.pieces.pop()[1]
        self.pieces.append((at, size))
        self.data += data

    def add_line(self, text: bytes) -> None:
        """The next message, with a line end of its own. Messages are never joined."""
        self.pieces.append((self._now(), len(text) + 1))
        self.data += text + b"\n"

    def _now(self) -> int:
        return max(self._elapsed(), self.pieces[-1][0] if self.pieces else 0)


def encode(pieces: Mapping[str, Sequence[Piece]]) -> bytes:
    """The pieces of several tapes, by name."""
    return json.dumps(dict(pieces), separators=(",", ":")).encode()


def cut(timing: bytes, name: str, data: bytes) -> list[tuple[int, bytes]]:
    """*data* in the pieces that *timing*, made by `encode`, tells of the tape *name*; Malformed where they differ."""
    try:
        pieces = [(int(at), int(size)) for at, size in json.loads(timing)[name]]
    except (ValueError, KeyError, TypeError):
        raise Malformed("timing-malformed", "The timing of a stream cannot be read.") from None
    if sum(size for _, size in pieces) != len(data) or any(size < 0 for _, size in pieces):
        raise Malformed("timing-malformed", "The timing of a stream is not that of its bytes.")
    ends, end = [], 0
    for at, size in pieces:
        ends.append((at, data[end : end + size]))
        end += size
    return ends
