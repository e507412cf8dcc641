"""A real transmitter over HTTP, asked by the real poller; the receiver behind it takes or refuses as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from jwts import an_issuer
from transmitting import POLL_TOKEN, RECEIVER, DemoTransmitter
from weighlock.adapters import transmitters
from weighlock.adapters.transmitters import MAX_EVENTS, Poller
from weighlock.errors import Unavailable
from weighlock.identity.events import Err, EventRefused
from weighlock.identity.transmitters import TYPE, Poll, Transmitter


class Receiver:
    """As the real one is to a poller: it takes what is fetched, and says which transmitters there are."""

    def __init__(self, *listed: Transmitter) -> None:
        self.transmitters = listed
        self.taken: list[str] = []
        self.refuse: dict[str, Exception] = {}
        self.recorded: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    async def fetched(self, id: str, raw: str, transmitter: Transmitter) -> None:
        if id in self.refuse:
            raise self.refuse[id]
        self.taken.append(id)

    def record(self, event: str, message: str) -> None:
        self.recorded.append((event, message))
        self.changed.set()


@pytest.fixture
def demo() -> Iterator[DemoTransmitter]:
    demo = DemoTransmitter()
    yield demo
    demo.stop()


def listed(demo: DemoTransmitter, token: str = "env:SSF_POLL", url: str = "") -> Transmitter:
    signer = an_issuer(url=demo.url, audience=RECEIVER, types=(TYPE,))
    return Transmitter(signer, poll=Poll(url or demo.poll_url, token))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSF_POLL", POLL_TOKEN)
    for name in ("PAUSE", "INTERVAL"):
        monkeypatch.setattr(transmitters, name, 0.01)


@contextlib.asynccontextmanager
async def polling(receiver: Any, **given: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(Poller(receiver, **given).watch())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def wait(demo: DemoTransmitter, what: Any) -> None:
    await asyncio.to_thread(demo.wait, what)


async def test_events_are_fetched_and_acknowledged(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    ids = [demo.offer(demo.make()) for _ in range(3)]
    async with polling(receiver):
        await wait(demo, lambda: len(demo.acknowledged) == 3)
        late = demo.offer(demo.make())
        await wait(demo, lambda: len(demo.acknowledged) == 4)

    assert demo.acknowledged == receiver.taken == [*ids, late]
    assert demo.polls[0] == {"maxEvents": MAX_EVENTS, "returnImmediately": False}
    assert demo.polls[1]["ack"] == ids
    assert demo.errors == {}
    assert receiver.recorded == []


async def test_more_events_than_one_answer_holds_come_with_the_next(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    for _ in range(2 * MAX_EVENTS + 1):
        demo.offer(demo.make())
    async with polling(receiver):
        await wait(demo, lambda: len(demo.acknowledged) == 2 * MAX_EVENTS + 1)

    assert len(set(receiver.taken)) == 2 * MAX_EVENTS + 1


async def test_what_is_refused_is_told_and_not_acknowledged(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    bad, good = demo.offer(demo.make()), demo.offer(demo.make())
    receiver.refuse[bad] = EventRefused(Err.INVALID_KEY, "signature-invalid", "Why.")
    async with polling(receiver):
        await wait(demo, lambda: demo.errors)

    assert demo.errors == {bad: {"err": "invalid_key", "description": "Why."}}
    assert demo.acknowledged == [good]


async def test_what_cannot_be_taken_now_is_neither_and_comes_again(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    first, second = demo.offer(demo.make()), demo.offer(demo.make())
    receiver.refuse[second] = Unavailable("events-unwritable", "Not now.")
    async with polling(receiver):
        await wait(demo, lambda: demo.acknowledged == [first])
        assert second in demo.waiting
        receiver.refuse.clear()
        await wait(demo, lambda: demo.acknowledged == [first, second])

    assert demo.errors == {}


async def test_an_acknowledgement_that_was_lost_is_sent_again(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    async with polling(receiver):
        await wait(demo, lambda: demo.polls)
        demo.broken = 1
        id = demo.offer(demo.make())
        await wait(demo, lambda: demo.acknowledged)

    assert demo.acknowledged == [id]
    assert [poll["ack"] for poll in demo.polls if "ack" in poll] == [[id], [id]]


async def test_after_a_failure_the_transmitter_is_asked_to_answer_at_once(demo: DemoTransmitter) -> None:
    demo.broken = 2
    async with polling(Receiver(listed(demo))):
        await wait(demo, lambda: len(demo.polls) == 4)

    assert [poll["returnImmediately"] for poll in demo.polls] == [False, True, True, False]


async def test_one_that_is_silent_for_long_is_told_once_and_when_it_is_back(demo: DemoTransmitter) -> None:
    receiver, now = Receiver(listed(demo)), iter(range(0, 10**9, 200))
    demo.broken = 6
    async with polling(receiver, clock=lambda: float(next(now))):
        await wait(demo, lambda: len(demo.polls) == 8)

    assert receiver.recorded == [
        ("transmitter-silent", f"{demo.url}: HTTP 500"),
        ("transmitter-back", demo.url),
    ]


@pytest.mark.parametrize("token", ["env:SSF_UNSET", "file:/nowhere"])
async def test_without_a_token_nobody_is_asked(demo: DemoTransmitter, token: str) -> None:
    receiver = Receiver(listed(demo, token))
    async with polling(receiver, clock=iter(range(0, 10**9, 200)).__next__):
        await asyncio.wait_for(receiver.changed.wait(), 30)

    assert demo.polls == []
    assert receiver.recorded[0][0] == "transmitter-silent"


async def test_a_wrong_token_and_nobody_there_are_failures(demo: DemoTransmitter, monkeypatch: Any) -> None:
    monkeypatch.setenv("SSF_WRONG", "another token")
    for transmitter in (listed(demo, "env:SSF_WRONG"), listed(demo, url="http://127.0.0.1:1/poll")):
        receiver = Receiver(transmitter)
        async with polling(receiver, clock=iter(range(0, 10**9, 200)).__next__):
            await asyncio.wait_for(receiver.changed.wait(), 30)
        assert receiver.recorded[0][0] == "transmitter-silent"
    assert demo.polls == []


async def test_the_transmitters_of_the_rules_in_force_are_asked(demo: DemoTransmitter) -> None:
    other, receiver = DemoTransmitter(), Receiver()
    try:
        async with polling(receiver):
            receiver.transmitters = (listed(demo),)
            await wait(demo, lambda: demo.polls)
            receiver.transmitters = (listed(other),)
            await wait(other, lambda: other.polls)
            id = other.offer(other.make())
            await wait(other, lambda: other.acknowledged == [id])
    finally:
        other.stop()

    assert receiver.taken == [id]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "json-malformed"),
        (b"[]", "not an answer to a poll"),
        (b"{}", "not an answer to a poll"),
        (b'{"sets": []}', "not an answer to a poll"),
        (b'{"sets": {"a": 5}}', "not an answer to a poll"),
        (b'{"sets": {"a": null}}', "not an answer to a poll"),
        (b'{"sets": {"a": {"alg": "none"}}}', "not an answer to a poll"),
        (b'{"sets": {"a": "x", "a": "y"}}', "json-duplicate-member"),
        (b'{"sets": {"a": "' + b"x" * (256 << 10) + b'"}}', ""),
    ],
    ids=lambda value: value[:32],
)
async def test_what_is_no_answer_to_a_poll_brings_nothing(demo: DemoTransmitter, answer: bytes, why: str) -> None:
    receiver, demo.odd = Receiver(listed(demo)), answer
    async with polling(receiver, clock=iter(range(0, 10**9, 200)).__next__):
        await asyncio.wait_for(receiver.changed.wait(), 30)

    ((event, message),) = receiver.recorded
    assert event == "transmitter-silent"
    assert why in message
    assert receiver.taken == []


async def test_more_events_than_were_asked_for_are_taken(demo: DemoTransmitter) -> None:
    receiver = Receiver(listed(demo))
    demo.odd = json.dumps({"sets": {str(number): "x.y.z" for number in range(3 * MAX_EVENTS)}}).encode()
    async with polling(receiver):
        await wait(demo, lambda: any("ack" in poll for poll in demo.polls))

    assert set(receiver.taken) == {str(number) for number in range(3 * MAX_EVENTS)}
