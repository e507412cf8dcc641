"""A WebSocket that passes message by message, and nothing but what was judged.

mitmproxy's own layer relays pings with their payloads, the reason of a close, and what was injected, without a hook.
Here a ping is answered where it came from, a close is passed on as its code alone, and what leaves is what the
passage's socket made of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import wsproto.events as ws
from mitmproxy import http, websocket
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers import websocket as stock
from wsproto.connection import ConnectionState
from wsproto.frame_protocol import CloseReason, Opcode

from weighlock.errors import Refused
from weighlock.model import NotInspected
from weighlock.stages.stage import filled
from weighlock.wire.framing import LIMIT
from weighlock.wire.tape import Tape

NORMAL, REFUSED = CloseReason.NORMAL_CLOSURE, CloseReason.POLICY_VIOLATION
_CODES = range(1000, 5000)
_TOLD = frozenset({1005, 1006, 1015})
"""Codes that no frame may carry (RFC 6455 section 7.4.1)."""


class Socket(Protocol):
    """What becomes of the messages of one WebSocket."""

    received: Tape
    """What the model host said, a line each."""
    delivered: Tape
    """What the client got."""

    @property
    def reply_size(self) -> int:
        """Bytes that the model host said."""

    @property
    def not_inspected(self) -> Sequence[NotInspected]:
        """Of what the client got."""

    async def take(self, message: websocket.WebSocketMessage) -> None:
        """Judge *message*; what may leave is in `out`. After a refusal nothing does."""

    def refuse(self, refused: Refused) -> None:
        """Tell the client, and let nothing pass any more."""

    def out(self) -> list[tuple[bool, bytes]]:
        """What may leave now, each once: whether it is for the client, and the text."""

    @property
    def over(self) -> bool:
        """Whether it ends here, by a refusal."""


class Hangup(events.MessageInjected[None]):
    """Send what `Socket.out` holds, and end it where it is over."""


def install(find: Callable[[http.HTTPFlow], Socket | None]) -> None:
    """Make every WebSocket one of these. *find* knows the socket of a flow. For the life of the process."""

    class Channel(stock.WebsocketLayer):
        def relay_messages(self, event: events.Event) -> Iterator[commands.Command]:
            socket = find(self.flow)
            if socket is None:
                yield from self._close(REFUSED)
                return
            if isinstance(event, events.ConnectionEvent):
                yield from self._received(event, socket)
            yield from self._send(socket)

        def _received(self, event: events.ConnectionEvent, socket: Socket) -> Iterator[commands.Command]:
            from_client = event.connection == self.context.client
            own = self.client_ws if from_client else self.server_ws
            own.receive_data(event.data if isinstance(event, events.DataReceived) else None)
            for said in own.events():
                if isinstance(said, ws.Message):
                    data = said.data.encode() if isinstance(said.data, str) else bytes(said.data)
                    own.frame_buf[0] += data
                    if len(own.frame_buf[0]) > LIMIT:
                        yield from self._close(CloseReason.MESSAGE_TOO_BIG)
                        return
                    if said.message_finished:
                        kind = Opcode.TEXT if isinstance(said.data, str) else Opcode.BINARY
                        message = websocket.WebSocketMessage(kind, from_client, own.frame_buf[0])
                        own.frame_buf[0] = b""
                        filled(self.flow.websocket).messages[:] = [message]
                        yield stock.WebsocketMessageHook(self.flow)
                        yield from self._send(socket)
                elif isinstance(said, ws.Ping):
                    yield own.send2(said.response())
                elif isinstance(said, ws.CloseConnection):
                    yield from self._close(said.code, from_client)
                    return

        def _send(self, socket: Socket) -> Iterator[commands.Command]:
            for to_client, text in socket.out():
                to = self.client_ws if to_client else self.server_ws
                if to.state is ConnectionState.OPEN:
                    yield to.send2(ws.TextMessage(text.decode()))
            if socket.over and self._handle_event != self.done:
                yield from self._close(REFUSED)

        def _close(self, code: int, from_client: bool | None = None) -> Iterator[commands.Command]:
            ended = filled(self.flow.websocket)
            ended.closed_by_client, ended.close_code = from_client, code
            sent = code if code in _CODES and code not in _TOLD else NORMAL
            for one in (self.server_ws, self.client_ws):
                if one.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                    yield one.send2(ws.CloseConnection(sent))
                yield commands.CloseConnection(one.conn)
            self._handle_event = self.done
            yield stock.WebsocketEndHook(self.flow)
            self.flow.live = False

        def done(self, event: events.Event) -> Iterator[commands.Command]:
            yield from ()

    stock.WebsocketLayer = Channel  # type: ignore[misc]
