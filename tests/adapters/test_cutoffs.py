from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from builders import a_principal
from weighlock.adapters import cutoffs
from weighlock.adapters.cutoffs import STALE, CutoffWatch
from weighlock.errors import Forbidden, Unavailable
from weighlock.identity.cutoffs import Cutoff

CUT = Cutoff(1, "person", "dana", "left", "ops", 1.0)


def is_cut(watch: CutoffWatch) -> bool:
    """Whether whom CUT is of is refused."""
    try:
        watch.current().check(a_principal())
    except Forbidden:
        return True
    return False


class Store:
    """Stands in for control.db. Tells of each look at it, which comes from a thread."""

    def __init__(self) -> None:
        self.now = 0.0
        self.answer: tuple[Cutoff, ...] | Exception = ()
        self.reads = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.looks: asyncio.Queue[int] = asyncio.Queue()

    def current(self) -> tuple[Cutoff, ...]:
        self.reads += 1
        if self.loop:
            self.loop.call_soon_threadsafe(self.looks.put_nowait, self.reads)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def read_twice(self) -> None:
        """Until one whole look has begun and ended from here on."""
        self.loop = asyncio.get_running_loop()
        until = self.reads + 2
        while await self.looks.get() < until:
            pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(cutoffs, "INTERVAL", 0)
    return Store()


def a_watch(store: Store) -> CutoffWatch:
    return CutoffWatch(store, lambda: store.now)  # type: ignore[arg-type]


@asynccontextmanager
async def watching(watch: CutoffWatch, changed: Callable[[], None]) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.changes(changed))
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_cutoffs_are_at_hand_from_the_start(store: Store) -> None:
    store.answer = (CUT,)

    assert is_cut(a_watch(store))
    assert store.reads == 1


def test_nothing_starts_where_cutoffs_cannot_be_read(store: Store) -> None:
    store.answer = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(sqlite3.Error):
        a_watch(store)


def test_cutoffs_that_were_not_read_again_are_worth_nothing(store: Store) -> None:
    watch = a_watch(store)
    store.now = STALE
    assert not is_cut(watch)
    store.now = STALE + 0.1
    with pytest.raises(Unavailable) as caught:
        watch.current()

    assert (caught.value.code, caught.value.retry) == ("cutoffs-unreadable", True)


async def test_each_change_is_told_once_and_is_in_force_by_then(store: Store) -> None:
    watch = a_watch(store)
    told: list[bool] = []
    async with watching(watch, lambda: told.append(is_cut(watch))):
        await store.read_twice()
        assert told == []
        store.answer = (CUT,)
        await store.read_twice()
        assert told == [True]
        await store.read_twice()
        store.answer = ()
        await store.read_twice()

    assert told == [True, False]


@pytest.mark.parametrize("error", [sqlite3.OperationalError("locked"), OSError("gone"), RuntimeError("a defect")])
async def test_a_failure_closes_the_gateway_in_time_and_the_next_success_opens_it(
    store: Store, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watch = a_watch(store)
    async with watching(watch, lambda: None):
        store.answer = error
        with caplog.at_level(logging.WARNING, "weighlock"):
            await store.read_twice()
        store.now = STALE + 1
        await store.read_twice()
        with pytest.raises(Unavailable):
            watch.current()
        store.answer = (CUT,)
        await store.read_twice()
        assert is_cut(watch)

    assert type(error).__name__ in caplog.text
    assert str(error) not in caplog.text
