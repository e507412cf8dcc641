"""A WebSocket of the record, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import wsproto.events as ws
from wsproto.connection import Connection, ConnectionType

from weighlock.replay.contents import Said
from weighlock.replay.sockets import retell

CLIENT, HOST = True, False


def recorded(*said: tuple[bool, str]) -> list[Said]:
    return [Said(1000 + number / 1000, by, text.encode()) for number, (by, text) in enumerate(said)]


class Client:
    """Of a socket that tells what was *said*."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._said, self._own = said, Connection(ConnectionType.CLIENT)
        self.heard: list[str] = []
        self.closed: int | None = None

    async def __aenter__(self) -> Client:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await retell(reader, writer, self._said, 1000.0)
            writer.close()

        self._server = await asyncio.start_server(serve, "127.0.0.1")
        self._reader, self._writer = await asyncio.open_connection(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()
        self._server.close()
        await self._server.wait_closed()

    def send(self, event: ws.Event, pieces: int = 1) -> None:
        data = self._own.send(event)
        for at in range(pieces):
            self._writer.write(data[at * len(data) // pieces : (at + 1) * len(data) // pieces])

    async def end(self) -> None:
        """Hear all that comes."""
        async with asyncio.timeout(10):
            while data := await self._reader.read(7):
                self._own.receive_data(data)
                for event in self._own.events():
                    if isinstance(event, ws.TextMessage):
                        self.heard.append(event.data)
                    elif isinstance(event, ws.CloseConnection):
                        self.closed = event.code


async def talked(said: Sequence[Said], *texts: str) -> Client:
    async with Client(said) as client:
        for text in texts:
            client.send(ws.TextMessage(text), pieces=3)
        client.send(ws.CloseConnection(1000))
        await client.end()
        return client


async def test_each_side_speaks_in_its_turn() -> None:
    said = recorded((HOST, "hello"), (CLIENT, "a"), (HOST, "1"), (HOST, "2"), (CLIENT, "b"), (HOST, "3"))
    client = await talked(said, "a", "b")

    assert (client.heard, client.closed) == (["hello", "1", "2", "3"], 1000)


async def test_nothing_is_said_ahead_of_what_the_client_says() -> None:
    client = await talked(recorded((HOST, "hello"), (CLIENT, "a"), (HOST, "1")))

    assert (client.heard, client.closed) == (["hello"], 1000)


@pytest.mark.parametrize("texts", [("b",), ("a", "c"), ("a", "b", "c")], ids=["at once", "later", "behind the end"])
async def test_what_was_not_recorded_ends_it(texts: tuple[str, ...]) -> None:
    client = await talked(recorded((CLIENT, "a"), (HOST, "1"), (CLIENT, "b")), *texts)

    assert client.closed == 1008


async def test_pseudonyms_of_another_session_stand_for_the_same() -> None:
    said = recorded((CLIENT, "<PERSON_0123abcd>"), (CLIENT, "<PERSON_fedc9876>, <PERSON_0123abcd>"), (HOST, "ok"))
    same = await talked(said, "<PERSON_00000001>", "<PERSON_00000002>, <PERSON_00000001>")
    other = await talked(said, "<PERSON_00000001>", "<PERSON_00000001>, <PERSON_00000001>")

    assert same.heard == ["ok"]
    assert (other.heard, other.closed) == ([], 1008)


async def test_a_text_in_frames_is_one_and_a_ping_is_answered() -> None:
    async with Client(recorded((CLIENT, "whole"), (HOST, "ok"))) as client:
        client.send(ws.Ping(b"?"))
        client.send(ws.TextMessage("who", message_finished=False))
        client.send(ws.TextMessage("le", message_finished=True))
        client.send(ws.CloseConnection(1000))
        await client.end()

        assert client.heard == ["ok"]


async def test_bytes_are_nothing_that_was_recorded() -> None:
    async with Client(recorded((CLIENT, "a"), (HOST, "1"))) as client:
        client.send(ws.BytesMessage(b"a"))
        await client.end()

        assert client.heard == []
