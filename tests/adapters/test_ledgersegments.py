"""Segments are closed in time, and what was ordered to be removed goes, while others write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from ledgers import NOON
from weighlock.adapters import ledgersegments
from weighlock.adapters.erasure import Eraser
from weighlock.adapters.keys import open_keys
from weighlock.adapters.ledgersegments import Segments
from weighlock.adapters.rulebook import NONE
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.orders import OrderKind, Orders
from weighlock.ledger import entry
from weighlock.ledger.chain import OPENED, REMOVED
from weighlock.ledger.entry import POLICY, Kind
from weighlock.ledger.erasure import Target
from weighlock.ledger.verify import verify

ASKED = Draft(Kind.REQUEST, {"exchange": "e"}, {"request.sent": b"hello"})
RULES: Any = SimpleNamespace(digest="r" * 64, sources={"a.yaml": "{}"}, detect=SimpleNamespace(digest="d" * 64))


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest_asyncio.fixture
async def ledger(state: Path, clock: Clock) -> AsyncIterator[Ledger]:
    opened = Ledger.open(state, open_keys(state), clock)
    yield opened
    await opened.close()


def closing(state: Path, ledger: Ledger, clock: Clock, rules: Any = RULES) -> Segments:
    return Segments(ledger, state, 100.0, clock, lambda: rules)


def events(state: Path) -> list[str]:
    with Reader(state / NAME) as reader:
        return [entry.parse(data).body.get("event", "") for data in reader.entries()]


def ok(state: Path) -> bool:
    with Reader(state / NAME) as reader:
        verifier, begins = open_keys(state).signer.verifier, reader.begins()
        return verify(reader.rows(), reader.payloads(), reader.checkpoints(), verifier, begins=begins).ok


async def test_a_segment_closes_when_it_has_lasted_long_enough(state: Path, ledger: Ledger, clock: Clock) -> None:
    look = closing(state, ledger, clock).look
    assert await look() == 100.0  # nothing to close
    await ledger.append(ASKED)
    clock.now += 40
    assert await look() == pytest.approx(60.0)
    clock.now += 60
    assert await look() == 100.0
    assert await look() == pytest.approx(100.0)
    clock.now += 250
    await look()

    assert events(state) == ["", OPENED, POLICY, OPENED, POLICY]
    assert ok(state)


async def test_without_rules_none_are_told(state: Path, ledger: Ledger, clock: Clock) -> None:
    await ledger.append(ASKED)
    clock.now += 100
    await closing(state, ledger, clock, NONE).look()

    assert events(state) == ["", OPENED]


async def test_what_cannot_be_read_is_tried_again(
    state: Path, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledgersegments, "INTERVAL", 0.0)
    await ledger.append(ASKED)
    clock.now += 100
    name, away = state / NAME, state / "away"
    name.rename(away)
    watch = asyncio.create_task(closing(state, ledger, clock).watch())
    await until(lambda: "not closed yet" in caplog.text)
    away.rename(name)
    await until(lambda: OPENED in events(state))
    watch.cancel()


async def until(so: Callable[[], bool]) -> None:
    while True:
        if so():
            return
        await asyncio.sleep(0)


async def removal(state: Path, before: int) -> tuple[Orders, int]:
    orders = Orders.open(state)
    with Reader(state / NAME) as reader:
        seqs = sorted(seq for seq in reader.keyed() if seq < before)
    given = {"reason": "old", "by": "auditor", "now": NOON}
    if seqs:
        orders.ask(OrderKind.ERASE, Target(), seqs=seqs, **given)  # type: ignore[arg-type]
    return orders, orders.ask(OrderKind.REMOVE, Target(), seqs=[before], **given)  # type: ignore[arg-type]


async def test_what_was_ordered_goes_while_others_write(state: Path, ledger: Ledger, clock: Clock) -> None:
    for _ in range(300):
        await ledger.append(ASKED)
    clock.now += 100
    await closing(state, ledger, clock).look()
    orders, id = await removal(state, 300)
    stop = asyncio.Event()

    async def write() -> int:
        count = 0
        while not stop.is_set():
            await ledger.append(ASKED)
            count += 1
        return count

    writing = asyncio.create_task(write())
    await Eraser(ledger, orders, state, clock).carry_out()
    stop.set()
    written = await writing

    assert orders.is_done(id)
    assert orders.removed() == 300
    assert ledger.settled
    assert written > 0
    with Reader(state / NAME) as reader:
        assert reader.first == 300
        assert next(reader.query("SELECT min(seq) AS least FROM entries"))["least"] == 300
    assert events(state).count(REMOVED) == 1
    assert ok(state)
    orders.close()


@pytest.mark.parametrize("before", [0, 150, 10_000])
async def test_nothing_else_is_removed(state: Path, ledger: Ledger, clock: Clock, before: int) -> None:
    for _ in range(2):
        for _ in range(100):
            await ledger.append(ASKED)
        clock.now += 100
        await closing(state, ledger, clock).look()
    orders, id = await removal(state, before)
    await Eraser(ledger, orders, state, clock).carry_out()

    assert orders.is_done(id)
    with Reader(state / NAME) as reader:
        assert reader.first == 0
    orders.close()


async def test_a_segment_with_a_payload_that_can_be_opened_stays(
    state: Path, ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.append(ASKED)
    clock.now += 100
    await closing(state, ledger, clock).look()
    orders = Orders.open(state)
    orders.ask(OrderKind.REMOVE, Target(), reason="old", by="auditor", now=NOON, seqs=[1])
    await Eraser(ledger, orders, state, clock).carry_out()

    assert "there are payloads in them" in caplog.text
    with Reader(state / NAME) as reader:
        assert reader.first == 0
    orders.close()
