"""What passes is counted over windows of time, for the statements that ask. Kept over a restart, also after a crash.

Counted is what passes. What is being judged or held counts too, from before it is judged until it is refused: of two
requests that are judged at once, each sees the other. What passes is counted durably before it leaves; of the bytes of
replies, and of values that were known, a crash can lose the last second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighlock.adapters.stores.counters import CounterStore, Step
from weighlock.errors import Unavailable
from weighlock.model import Principal
from weighlock.policy import tally
from weighlock.policy.counting import DAY, Counts, Scope
from weighlock.policy.statements import Policy
from weighlock.policy.tally import Amount, Asked, Tally

log = logging.getLogger("weighlock")

LIMIT = 200_000
"""Sums and values that are held in memory, but for those of what is under way."""
EVERY = 1.0
"""Seconds between two looks for what is not yet written."""
_PRUNE = 60
"""Looks between two that forget what is old."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """What an exchange adds, once it passes."""

    principal: Principal
    asks: Asked
    amount: Amount


Place = tuple[Scope, str]


class Counters:
    """*clock* is Unix time."""

    def __init__(self, store: CounterStore, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._tallies: dict[Place, Tally] = {}
        """Those asked for last stand last."""
        self._pending: dict[str, _Pending] = {}
        """By exchange."""
        self._steps: list[Step] = []
        """Not yet written."""
        self._using = asyncio.Lock()

    async def count(self, exchange: str, policy: Policy, principal: Principal, added: Callable[[], Amount]) -> Counts:
        """What *policy* asks to know, with what is *added*, which counts for *exchange* until it is kept or dropped.

        Raises Unavailable where it cannot be known.
        """
        if not (asks := tally.asked(policy.overs)):
            return {}
        tallies = await self._loaded(asks, principal)
        # From here on nothing is waited for: of two that are judged at once, the second sees the first.
        before, amount = self._pending.get(exchange), added()
        self._pending[exchange] = _Pending(principal, asks, before.amount + amount if before else amount)
        return self._counts(asks, principal, tallies)

    async def read(self, policy: Policy, principal: Principal) -> Counts:
        """What *policy* asks to know, with all that is under way. Raises Unavailable where it cannot be known."""
        asks = tally.asked(policy.overs)
        return self._counts(asks, principal, await self._loaded(asks, principal))

    def drop(self, exchange: str) -> None:
        """What *exchange* was to add does not pass."""
        self._pending.pop(exchange, None)

    @contextlib.contextmanager
    def trying(self, exchange: str) -> Iterator[None]:
        """Drops what *exchange* was to add where the block raises."""
        try:
            yield
        except BaseException:
            self.drop(exchange)
            raise

    async def keep(self, exchange: str) -> None:
        """What *exchange* was to add passes. Raises Unavailable where that cannot be written: then it must not."""
        if (pending := self._pending.get(exchange)) is None:
            return
        with self.trying(exchange):
            tallies = await self._loaded(pending.asks, pending.principal)
        self._pending.pop(exchange, None)
        now, amount, steps, fresh = self._clock(), pending.amount, [], False
        for scope, held in tallies.items():
            names = tally.names(pending.asks, scope)
            new, gone = held.add(amount, names, now)
            values = tuple((name, value) for name in names for value in amount.values.get(name, ()))
            steps.append(Step(scope, scope.key(pending.principal), now, amount, values, tuple(gone)))
            fresh |= new
        self._steps += steps
        if amount.requests or fresh:
            try:
                await self._write()
            except Unavailable:
                self._take_back(steps)
                raise

    async def watch(self, policy: Callable[[], Policy]) -> None:
        """For ever: write what nobody waits for, and forget what is older than any window of *policy*."""
        looks = 0
        while True:
            with contextlib.suppress(Unavailable):
                await self._write()
                if looks % _PRUNE == 0:
                    await self.prune(policy())
            looks += 1
            await asyncio.sleep(EVERY)

    async def prune(self, policy: Policy) -> None:
        """A day is kept whatever is asked for: a statement that comes to ask for it finds what was counted already."""
        now = self._clock()
        before = now - max([DAY, *(over.within for over in policy.overs)])
        for held in self._tallies.values():
            held.prune(before, now)
        await asyncio.shield(self._forget(before, now))

    async def _forget(self, before: float, now: float) -> None:
        async with self._using:
            await self._try(self._store.prune, before, now)

    async def close(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._write()

    def _counts(self, asks: Asked, principal: Principal, tallies: Mapping[Scope, Tally]) -> Counts:
        pending = {scope: self._under_way(scope, scope.key(principal)) for scope in tallies}
        return tally.counts(asks, tallies, pending, self._clock())

    def _under_way(self, scope: Scope, key: str) -> Sequence[Amount]:
        return [one.amount for one in self._pending.values() if scope.key(one.principal) == key]

    async def _loaded(self, asks: Asked, principal: Principal) -> dict[Scope, Tally]:
        places = {scope: (scope, scope.key(principal)) for scope, _ in asks}
        while not self._tallies.keys() >= set(places.values()):
            await asyncio.shield(self._load(places.values()))
        for place in places.values():
            self._tallies[place] = self._tallies.pop(place)
        return {scope: self._tallies[place] for scope, place in places.items()}

    async def _load(self, places: Collection[Place]) -> None:
        """Those of *places* that are missing; and let go of others, which can be loaded again."""
        async with self._using:
            for place in places:
                if place not in self._tallies:
                    held = await self._try(self._store.load, *place)
                    for step in self._steps:
                        if (step.scope, step.key) == place:
                            held.add(step.amount, {name for name, _ in step.values}, step.at)
                    self._tallies[place] = held
            size = sum(held.size for held in self._tallies.values())
            for place in [place for place in self._tallies if place not in places]:
                if size <= LIMIT:
                    return
                size -= self._tallies.pop(place).size

    async def _write(self) -> None:
        await asyncio.shield(self._flush())  # whoever gives up waiting, it is written in its turn

    async def _flush(self) -> None:
        """All that waits to be written, with one commit. What cannot be written goes on waiting."""
        async with self._using:
            steps, self._steps = self._steps, []
            try:
                if steps:
                    await self._try(self._store.add, steps)
            except Unavailable:
                self._steps = steps + self._steps
                raise

    def _take_back(self, steps: Sequence[Step]) -> None:
        """Of what does not pass after all; what else was counted there is read again."""
        self._steps = [step for step in self._steps if not any(step is own for own in steps)]
        for step in steps:
            self._tallies.pop((step.scope, step.key), None)

    async def _try[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except sqlite3.Error as error:
            log.error("counters: %s", type(error).__name__)
            raise Unavailable("counters-unusable", "What was sent before cannot be counted right now.") from None
