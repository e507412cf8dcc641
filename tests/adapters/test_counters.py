from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from builders import a_principal
from weighlock.adapters import counters
from weighlock.adapters.counters import Counters
from weighlock.adapters.stores.counters import CounterStore, Step
from weighlock.errors import Unavailable
from weighlock.model import Action, Direction
from weighlock.policy.counting import DAY, HOUR, Over, Scope, distinct
from weighlock.policy.statements import Mode, Policy, Statement
from weighlock.policy.tally import Amount

EMAIL = "EMAIL_ADDRESS"
NIGHTLY = a_principal()
SLOW = Over(Scope.WORKLOAD, DAY, {distinct(EMAIL): 50, "requests": 100, "bytes": 1000})


class Disk:
    """A store that can be made to fail or to wait, and counts."""

    def __init__(self, folder: Path) -> None:
        self.real = CounterStore.open(folder)
        self.broken = False
        self.adds: list[int] = []
        self.loads = 0
        self.thrice = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def add(self, steps: Iterable[Step]) -> None:
        self.gate.wait(10)
        self._check()
        steps = list(steps)
        self.adds.append(len(steps))
        self.real.add(steps)
        if len(self.adds) == 3:
            self.thrice.set()

    def load(self, scope: Scope, key: str) -> Any:
        self._check()
        self.loads += 1
        return self.real.load(scope, key)

    def prune(self, before: float, now: float) -> None:
        self._check()
        self.real.prune(before, now)

    def _check(self) -> None:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")


class Office:
    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.disk = folder, 100.0 * DAY, Disk(folder)
        self.counters = Counters(self.disk, lambda: self.now)  # type: ignore[arg-type]

    def restarted(self) -> Office:
        other = Office(self.folder)
        other.now = self.now
        return other

    async def passes(self, id: str, *values: str, policy: Policy | None = None, principal: Any = NIGHTLY) -> Any:
        told = await self.counters.count(id, policy or a_policy(SLOW), principal, sending(*values))
        await self.counters.keep(id)
        return told


def sending(*values: str, size: int = 10, requests: int = 1) -> Callable[[], Amount]:
    return lambda: Amount(requests, size, size // 3, {EMAIL: frozenset(values), "pii": frozenset(values)})


def a_policy(*overs: Over, mode: Mode = Mode.ENFORCE) -> Policy:
    statements = tuple(
        Statement(f"s{n}", Action.BLOCK, frozenset(Direction), over=over, mode=mode) for n, over in enumerate(overs)
    )
    return Policy(statements, Action.ALLOW, None, {}, "d")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def held(office: Office, over: Over = SLOW, principal: Any = NIGHTLY) -> Any:
    return (await office.counters.read(a_policy(over), principal))[over.window]


async def test_what_is_judged_counts_itself_and_what_has_passed(office: Office) -> None:
    assert await office.passes("e1", "a", "b") == {"workload 24h": {distinct(EMAIL): 2, "requests": 1, "bytes": 10}}
    assert await office.passes("e2", "b", "c") == {"workload 24h": {distinct(EMAIL): 3, "requests": 2, "bytes": 20}}
    assert await held(office) == {distinct(EMAIL): 3, "requests": 2, "bytes": 20}


async def test_two_that_are_judged_at_once_do_not_both_pass_under_a_limit(office: Office) -> None:
    policy = a_policy(SLOW)
    told = await asyncio.gather(*(office.counters.count(f"e{n}", policy, NIGHTLY, sending(str(n))) for n in range(20)))

    assert sorted(counts["workload 24h"][distinct(EMAIL)] for counts in told) == list(range(1, 21))


async def test_what_is_refused_gives_back_what_it_was_to_add(office: Office) -> None:
    await office.passes("e1", "a")
    await office.counters.count("e2", a_policy(SLOW), NIGHTLY, sending("b"))
    assert (await held(office))[distinct(EMAIL)] == 2
    office.counters.drop("e2")
    await office.counters.keep("e2")

    assert await held(office) == {distinct(EMAIL): 1, "requests": 1, "bytes": 10}
    assert await held(office.restarted()) == {distinct(EMAIL): 1, "requests": 1, "bytes": 10}


async def test_a_message_after_another_adds_to_the_same_exchange(office: Office) -> None:
    await office.counters.count("e1", a_policy(SLOW), NIGHTLY, sending("a"))
    told = await office.counters.count("e1", a_policy(SLOW), NIGHTLY, sending("b", requests=0))

    assert told["workload 24h"] == {distinct(EMAIL): 2, "requests": 1, "bytes": 20}
    office.counters.drop("e1")
    assert (await held(office))[distinct(EMAIL)] == 0


async def test_what_has_passed_outlives_the_process(office: Office) -> None:
    for n in range(5):
        await office.passes(f"e{n}", f"v{n}")
        office = office.restarted()

    assert await held(office) == {distinct(EMAIL): 5, "requests": 5, "bytes": 50}


async def test_what_is_not_asked_for_is_not_kept(office: Office, tmp_path: Path) -> None:
    assert await office.counters.count("e0", a_policy(), NIGHTLY, sending("a")) == {}
    await office.counters.keep("e0")
    assert await office.counters.count("e1", a_policy(SLOW, mode=Mode.OFF), NIGHTLY, sending("a")) == {}
    await office.counters.keep("e1")
    assert (office.disk.loads, office.disk.adds) == (0, [])

    await office.passes("e2", "a")
    tally = CounterStore.open(tmp_path).load(Scope.WORKLOAD, "nightly")
    assert set(tally.seen) == {EMAIL}
    assert CounterStore.open(tmp_path).places() == [(Scope.WORKLOAD, "nightly")]


async def test_a_statement_in_the_shadow_counts_already_and_another_window_or_limit_finds_it(office: Office) -> None:
    await office.passes("e1", "a", policy=a_policy(SLOW, mode=Mode.SHADOW))

    assert await held(office, Over(Scope.WORKLOAD, HOUR, {distinct(EMAIL): 3, "tokens": 1})) == {
        distinct(EMAIL): 1,
        "tokens": 3,
    }


async def test_each_scope_counts_its_own(office: Office) -> None:
    overs = [Over(scope, DAY, {distinct(EMAIL): 50}) for scope in Scope]
    policy = a_policy(*overs)
    await office.passes("e1", "a", policy=policy, principal=a_principal(session="s1"))
    await office.passes("e2", "b", policy=policy, principal=a_principal(session="s2"))
    await office.passes("e3", "c", policy=policy, principal=a_principal(subject="else", session="s3"))

    asked = a_principal(session="s1")
    assert [(await held(office, over, asked))[distinct(EMAIL)] for over in overs] == [3, 2, 1]


async def test_a_window_slides(office: Office) -> None:
    await office.passes("e1", "a")
    office.now += DAY / 2
    await office.passes("e2", "b")
    office.now += DAY / 2 + 60

    assert await held(office) == {distinct(EMAIL): 1, "requests": 1, "bytes": 10}


async def test_a_store_that_cannot_be_read_refuses(office: Office) -> None:
    office.disk.broken = True

    with pytest.raises(Unavailable, match="counters-unusable"):
        await office.counters.count("e1", a_policy(SLOW), NIGHTLY, sending("a"))
    office.disk.broken = False
    assert (await held(office))["requests"] == 0


async def test_what_cannot_be_written_is_refused_and_does_not_count(office: Office) -> None:
    await office.passes("e1", "a")
    await office.counters.count("e1", a_policy(SLOW), NIGHTLY, sending("a", requests=0))
    await office.counters.keep("e1")  # waits to be written
    office.disk.broken = True
    for n in range(3):
        with pytest.raises(Unavailable, match="counters-unusable"):
            await office.passes(f"f{n}", f"b{n}")
    await office.counters.close()

    office.disk.broken = False
    expected = {distinct(EMAIL): 1, "requests": 1, "bytes": 20}
    assert await held(office) == expected
    await office.counters.close()
    assert await held(office.restarted()) == expected


async def test_what_waits_together_is_written_together(office: Office) -> None:
    policy = a_policy(SLOW)
    await held(office)
    office.disk.gate.clear()
    for n in range(10):
        await office.counters.count(f"e{n}", policy, NIGHTLY, sending(f"v{n}"))
    keeping = [asyncio.create_task(office.counters.keep(f"e{n}")) for n in range(10)]
    await asyncio.sleep(0)
    office.disk.gate.set()
    await asyncio.gather(*keeping)

    assert sum(office.disk.adds) == 10
    assert len(office.disk.adds) <= 2
    assert (await held(office.restarted()))["requests"] == 10


async def test_whoever_gives_up_waiting_is_counted_nevertheless(office: Office) -> None:
    await office.counters.count("e1", a_policy(SLOW), NIGHTLY, sending("a"))
    office.disk.gate.clear()
    keeping = asyncio.create_task(office.counters.keep("e1"))
    await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    office.disk.gate.set()
    await office.counters.close()

    assert (await held(office.restarted()))[distinct(EMAIL)] == 1


async def test_bytes_of_a_reply_wait_for_the_next_write_and_new_values_do_not(office: Office) -> None:
    await office.passes("e1", "a")
    policy, writes = a_policy(SLOW), len(office.disk.adds)
    await office.counters.count("e1", policy, NIGHTLY, sending("a", requests=0))
    await office.counters.keep("e1")
    assert len(office.disk.adds) == writes
    await office.counters.count("e1", policy, NIGHTLY, sending("b", requests=0))
    await office.counters.keep("e1")

    assert len(office.disk.adds) == writes + 1
    assert await held(office.restarted()) == {distinct(EMAIL): 2, "requests": 1, "bytes": 30}


async def test_the_watch_writes_what_nobody_waits_for_and_forgets_what_is_old(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "EVERY", 0.001)
    await office.passes("e1", "old")
    office.now += 2 * DAY
    await office.passes("e2", "a")
    await office.counters.count("e2", a_policy(SLOW), NIGHTLY, sending("a", size=5, requests=0))
    await office.counters.keep("e2")
    watch = asyncio.create_task(office.counters.watch(lambda: a_policy(SLOW)))
    assert await asyncio.to_thread(office.disk.thrice.wait, 10)
    watch.cancel()
    await office.counters.prune(a_policy(SLOW))

    tally = office.disk.real.load(Scope.WORKLOAD, "nightly")
    assert list(tally.seen[EMAIL]) == ["a"]
    assert len(tally.sums) == 2
    assert (await held(office.restarted()))["bytes"] == 15


async def test_what_a_statement_asks_for_is_kept_as_long_as_its_window(office: Office) -> None:
    week = Over(Scope.WORKLOAD, 7 * DAY, {"requests": 1, distinct(EMAIL): 1})
    await office.passes("e1", "a", policy=a_policy(week))
    office.now += 3 * DAY
    await office.counters.prune(a_policy(week, SLOW))

    assert await held(office, week) == {"requests": 1, distinct(EMAIL): 1}
    await office.counters.prune(a_policy(SLOW))
    assert await held(office.restarted(), week) == {"requests": 0, distinct(EMAIL): 0}


async def test_memory_is_bounded_and_nothing_is_lost_by_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "LIMIT", 20)
    for n in range(30):
        await office.passes(f"e{n}", f"v{n}", f"w{n}", principal=a_principal(workload=f"job{n % 10}"))
    await office.counters.count("held", a_policy(SLOW), a_principal(workload="job3"), sending("x"))
    assert sum(tally.size for tally in office.counters._tallies.values()) <= 20 + 9

    for n in range(10):
        expected = 7 if n == 3 else 6
        assert (await held(office, principal=a_principal(workload=f"job{n}")))[distinct(EMAIL)] == expected


async def test_a_slow_disk_mixes_nothing_up_whoever_gives_up(office: Office) -> None:
    office.disk.gate.clear()
    policy = a_policy(SLOW)
    keeping = []
    for n in range(6):
        await office.counters.count(f"e{n}", policy, a_principal(workload=f"job{n % 2}"), sending(f"v{n}"))
        keeping.append(asyncio.create_task(office.counters.keep(f"e{n}")))
    await asyncio.sleep(0)
    loading = asyncio.create_task(office.counters.read(policy, a_principal(workload="job9")))
    await asyncio.sleep(0)
    for task in (*keeping[::2], loading):
        task.cancel()
    office.disk.gate.set()
    await asyncio.gather(*keeping, loading, return_exceptions=True)
    await office.counters.close()

    again = office.restarted()
    for job in ("job0", "job1"):
        assert (await held(again, principal=a_principal(workload=job)))["requests"] == 3
