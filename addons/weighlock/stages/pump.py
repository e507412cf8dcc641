"""A masked stream: mitmproxy pushes bytes in, segments are inspected off the event loop, and what is clear goes out.

mitmproxy calls a stream's callable synchronously, once per read, so the callable only queues; a task masks the queue
in order and injects the result. The response hook waits for that task before the end of the message is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from weighlock.errors import BadReply, Refused, Unavailable
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Text
from weighlock.wire.tape import Tape

Weigh = Callable[[tuple[Text, ...]], Awaitable[Mapping[str, Sequence[Rewrite]]]]
"""Texts in, the rewrites of those that must change out; raises Refused where they may not go on at all."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """*sign* goes to a client that gets nothing between two returns of *pause*, though something came in, or waits.

    It stands between frames, and says nothing.
    """

    sign: bytes
    pause: Callable[[], Awaitable[None]]


class Pump:
    """*emit* writes to the client and says whether it is still there. *limit* bounds the stream, in bytes; *elapsed*
    tells the milliseconds since the exchange began.
    """

    def __init__(
        self,
        masker: StreamMasker,
        weigh: Weigh,
        emit: Callable[[bytes], Awaitable[bool]],
        limit: int,
        elapsed: Callable[[], int],
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self.received, self.delivered = Tape(elapsed), Tape(elapsed)
        self.masker, self._weigh, self._emit, self._limit = masker, weigh, emit, limit
        self._heartbeat = heartbeat
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._refused: Refused | None = None
        self._task = asyncio.create_task(self._run())

    def feed(self, chunk: bytes) -> list[bytes]:
        """The stream's callable. Returns no bytes, and takes no b"" for an end: neither is safe in mitmproxy 12."""
        if chunk and self._refused is None:
            self.received.add(chunk)
            if len(self.received.data) > self._limit:
                self.fail(BadReply("stream-too-large", f"The stream is over {self._limit} bytes."))
            else:
                self._queue.put_nowait(chunk)
        return []

    @property
    def settled(self) -> bool:
        """Whether a client that leaves now has all of the answer: most do not wait for the end of the connection."""
        return self._refused is None and self.masker.settled

    def fail(self, refused: Refused) -> None:
        """Nothing more goes out, from now on; the first reason stays."""
        self._refused = self._refused or refused
        self._queue.put_nowait(None)

    def close(self) -> None:
        """The upstream is done: what is held back is masked and sent, and `ended` returns."""
        self._queue.put_nowait(None)

    async def ended(self) -> None:
        """Returns when all is sent; raises the Refused that ended the stream, if one did."""
        await self._task
        if self._refused:
            raise self._refused

    async def _run(self) -> None:
        beating = asyncio.create_task(self._beat(self._heartbeat)) if self._heartbeat else None
        try:
            await self._mask()
        finally:
            if beating:  # nothing of it may follow the end
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, heartbeat: Heartbeat) -> None:
        received = 0
        while True:
            delivered = len(self.delivered.data)
            await heartbeat.pause()
            came, received = len(self.received.data) > received, len(self.received.data)
            if (came or self.masker.holds) and len(self.delivered.data) == delivered and self._refused is None:
                self.delivered.add(heartbeat.sign)
                await self._emit(heartbeat.sign)

    async def _mask(self) -> None:
        try:
            while (data := await self._arrived()) is not None and self._refused is None:
                await self._release(self.masker.feed(data))
            if self._refused is None:
                await self._release(self.masker.finish())
        except Refused as refused:
            self._refused = self._refused or refused
        except Exception:
            self._refused = self._refused or Unavailable("gateway-failure", "The gateway failed while masking.")
            raise

    async def _arrived(self) -> bytes | None:
        """All that has come in meanwhile, at once: so a gateway that is late catches up. None at the end."""
        data = await self._queue.get()
        while data is not None and not self._queue.empty():
            more = self._queue.get_nowait()
            if more is None:
                self._queue.put_nowait(None)
                break
            data += more
        return data

    async def _release(self, texts: tuple[Text, ...]) -> None:
        rewrites = await self._weigh(texts) if texts else {}
        frames = self.masker.release(rewrites)
        if not isinstance(texts, tuple) or not isinstance(rewrites, Mapping) or not isinstance(frames, list):
            raise TypeError("a masker that returns nothing has masked nothing")
        out = b"".join(frames)
        if out and self._refused is None:
            self.delivered.add(out)
            if not await self._emit(out):
                raise Unavailable("client-gone", "The client left.")
