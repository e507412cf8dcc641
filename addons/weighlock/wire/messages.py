"""WebSocket text messages (RFC 6455), each one frame of a stream: a framing."""

from __future__ import annotations

from weighlock.errors import BadReply
from weighlock.wire.framing import LIMIT, Frame


class Messages:
    """A Framing. `feed` takes one whole message, and `encode` makes one."""

    heartbeat = b""

    def feed(self, data: bytes) -> list[Frame]:
        if len(data) > LIMIT:
            raise BadReply("stream-bound", f"A message is over {LIMIT} bytes.")
        try:
            return [Frame(data.decode("utf-8"))]
        except UnicodeDecodeError:
            raise BadReply("stream-charset", "A message is not UTF-8.") from None

    def finish(self) -> list[Frame]:
        return []

    def encode(self, frame: Frame) -> bytes:
        return frame.data.encode()

    def close(self) -> bytes:
        return b""
