"""A recorded WebSocket told again: what the model host said, each message when it was its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import wsproto.events as ws
from wsproto.connection import Connection, ConnectionType
from wsproto.frame_protocol import CloseReason

from weighlock.replay.contents import Said
from weighlock.replay.pseudonyms import Numbers

_PIECE = 1 << 16


async def retell(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: Sequence[Said], began: float
) -> None:
    """To a client whose handshake is done, until it closes. *began* is when the request went out, as `Said.at` is.

    What the client says must be what was recorded, in its turn, whatever its session calls people. Anything else ends
    it (1008), for nobody knows what the model host would have said.
    """
    connection = Connection(ConnectionType.SERVER)
    heard = _heard(reader, writer, connection)
    recorded, now, before = Numbers(), Numbers(), began
    for one in said:
        if one.from_client:
            text = await anext(heard, None)
            if text is None:
                return
            if now.of(text) != recorded.of(one.text):
                break
        else:
            await asyncio.sleep(max(0.0, one.at - before))
            writer.write(connection.send(ws.TextMessage(one.text.decode())))
            await writer.drain()
        before = max(before, one.at)
    else:
        if await anext(heard, None) is None:
            return
    writer.write(connection.send(ws.CloseConnection(CloseReason.POLICY_VIOLATION, "not recorded")))
    await writer.drain()


async def _heard(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection
) -> AsyncIterator[bytes]:
    """Each text of the client, until it closes."""
    parts: list[str] = []
    while data := await reader.read(_PIECE):
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, ws.TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    yield "".join(parts).encode()
                    parts.clear()
            elif isinstance(event, ws.Ping):
                writer.write(connection.send(event.response()))
            else:
                if isinstance(event, ws.CloseConnection):
                    writer.write(connection.send(event.response()))
                    await writer.drain()
                return
