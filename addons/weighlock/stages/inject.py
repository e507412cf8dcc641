"""Bytes put into, and an end put to, a response that is under way.

mitmproxy 12 calls a stream's callable synchronously and cannot end a stream from outside (its issue #4711), so a
masked stream is written by injected events, which are routed here to the one HTTP stream they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError, ResponseData, ResponseProtocolError

from weighlock.stages.channel import Hangup

ENDED = "ended by the gateway"


class Emit(events.MessageInjected[bytes]):
    """Write these bytes to the client as body."""


class End(events.MessageInjected[bytes]):
    """End the exchange abnormally, towards both sides, so that no client takes it for complete."""


def install() -> None:
    """Teach HttpLayer the two events. For the life of the process."""
    stock = HttpLayer._handle_event

    def handle_event(self: HttpLayer, event: events.Event) -> Iterator[commands.Command]:
        if not isinstance(event, Emit | End | Hangup):
            yield from stock(self, event)
            return
        for stream in list(self.streams.values()):
            if getattr(stream, "flow", None) is event.flow:
                yield from _deliver(self, stream, event)
                return
        for stream in list(self.streams.values()):  # this is the outer layer, of CONNECT: the tunnel is below
            if stream.child_layer is not None:
                yield from self.event_to_child(stream, event)

    HttpLayer._handle_event = handle_event  # type: ignore[method-assign]


def _deliver(layer: HttpLayer, stream: Any, event: Emit | End | Hangup) -> Iterator[commands.Command]:
    if isinstance(event, Hangup):
        if stream.flow.websocket:
            yield from layer.event_to_child(stream, event)
        return
    client = layer.connections[layer.context.client]
    if isinstance(event, Emit):
        yield from layer.event_to_child(client, ResponseData(stream.stream_id, event.message))
        return
    yield from layer.event_to_child(stream, RequestProtocolError(stream.stream_id, ENDED, ErrorCode.KILL))
    yield from layer.event_to_child(client, ResponseProtocolError(stream.stream_id, ENDED, ErrorCode.KILL))


async def emit(flow: http.HTTPFlow, data: bytes) -> bool:
    """Write *data* to the client of *flow*. False when the client is gone. Empty data would end an HTTP/1 body."""
    return bool(data) and await _send(Emit(flow, data))


async def end(flow: http.HTTPFlow) -> bool:
    """End *flow* abnormally, whatever it is doing. False when its connection is gone already."""
    return await _send(End(flow, b""))


async def hang_up(flow: http.HTTPFlow) -> bool:
    """Let the WebSocket of *flow* send what waits, and end where it is over."""
    return await _send(Hangup(flow, None))


async def _send(event: Emit | End | Hangup) -> bool:
    handler = ctx.master.addons.get("proxyserver").connections.get(event.flow.client_conn.id)
    if handler is None or not event.flow.client_conn.connected:
        return False
    await handler.server_event(event)
    return True
