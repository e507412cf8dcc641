from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import pytest

from weighlock.dialects.openai import DIALECT as OPENAI
from weighlock.errors import BadReply, Refused
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Text
from weighlock.stages.pump import Heartbeat, Pump
from weighlock.wire.sse import Sse

SIGN = Sse.heartbeat
DONE = b"data: [DONE]\n\n"


class Clock:
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self._waits, self._goes_on = asyncio.Event(), asyncio.Event()

    async def pause(self) -> None:
        self._waits.set()
        await self._goes_on.wait()
        self._goes_on.clear()

    async def tick(self) -> None:
        """Returns when what is done at the end of a pause is done."""
        await self._waits.wait()
        self._waits.clear()
        self._goes_on.set()
        await self._waits.wait()


class Client:
    """One stream: what goes out is in *got*; texts are found clean once `judged` is set."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.now = 0
        self.clock, self.judged = Clock(), asyncio.Event()
        self.judged.set()
        shape = OPENAI.named("chat.completions").streams["text/event-stream"]()
        masker, heartbeat = StreamMasker(Sse(), shape, 1 << 20), Heartbeat(SIGN, self.clock.pause)
        self.pump = Pump(masker, self._weigh, self._emit, 1 << 20, self._elapsed, heartbeat)

    async def _weigh(self, texts: tuple[Text, ...]) -> Mapping[str, Sequence[Rewrite]]:
        await self.judged.wait()
        return {}

    def _elapsed(self) -> int:
        return self.now

    async def _emit(self, data: bytes) -> bool:
        self.got.append(data)
        return True


def delta(text: str) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def test_a_client_is_kept_waiting_while_text_is_held_back() -> None:
    client = Client()
    client.pump.feed(delta("Maria"))
    await client.clock.tick()
    await client.clock.tick()
    assert client.got == [SIGN, SIGN]

    client.pump.feed(delta(" is here.") + DONE)
    client.pump.close()
    await client.pump.ended()
    assert b"".join(client.got) == SIGN * 2 + delta("Maria") + delta(" is here.") + DONE
    assert client.pump.delivered.data == b"".join(client.got)


async def test_it_is_kept_waiting_while_a_text_is_inspected() -> None:
    client = Client()
    client.judged.clear()
    client.pump.feed(delta("Maria is here. And") + DONE)
    await client.clock.tick()
    assert client.got == [SIGN]

    client.judged.set()
    client.pump.close()
    await client.pump.ended()
    assert b"".join(client.got) == SIGN + delta("Maria is here. And") + DONE


async def test_a_sign_of_the_model_host_is_one_of_ours() -> None:
    client = Client()
    client.pump.feed(b": still thinking of Maria\n\n")
    await client.clock.tick()

    assert client.got == [SIGN]


async def test_there_is_no_sign_where_nothing_came_in_or_something_went_out() -> None:
    client = Client()
    await client.clock.tick()
    client.pump.feed(b"data: " + json.dumps({"choices": []}).encode() + b"\n\n")
    await client.clock.tick()
    await client.clock.tick()

    assert client.got == [b'data: {"choices": []}\n\n']


@pytest.mark.parametrize("refused", [None, BadReply("stream-bound", "Too much.")])
async def test_nothing_follows_the_end(refused: Refused | None) -> None:
    client = Client()
    client.pump.feed(delta("Maria is here. And") + DONE)
    await client.clock.tick()
    if refused:
        client.pump.fail(refused)
        with pytest.raises(BadReply):
            await client.pump.ended()
    else:
        client.pump.close()
        await client.pump.ended()
    before = list(client.got)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await client.clock.tick()

    assert client.got == before


async def test_it_is_kept_when_each_piece_came_and_left() -> None:
    client = Client()
    client.now = 40
    client.pump.feed(delta("Maria"))
    await client.clock.tick()
    client.now = 90
    client.pump.feed(delta(" is here.") + DONE)
    client.now = 30  # a clock that was set back
    client.pump.close()
    await client.pump.ended()

    assert client.pump.received.pieces == [(40, len(delta("Maria"))), (90, len(delta(" is here.") + DONE))]
    assert {at for at, _ in client.pump.delivered.pieces} == {40}
    assert sum(size for _, size in client.pump.delivered.pieces) == len(b"".join(client.got))


async def test_who_leaves_has_missed_nothing_once_the_last_event_has_left() -> None:
    client = Client()
    client.judged.clear()
    client.pump.feed(delta("Maria is here.") + DONE)
    await client.clock.tick()
    assert not client.pump.settled

    client.judged.set()
    client.pump.close()
    await client.pump.ended()
    assert client.pump.settled


async def test_who_leaves_a_stream_that_was_refused_has_missed_something() -> None:
    client = Client()
    client.pump.feed(DONE + delta("and more"))
    with pytest.raises(BadReply):
        await client.pump.ended()
    assert not client.pump.settled
