"""Gives the ledger's checkpoints to the anchors, beside the work, and knows when they are late."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from weighlock.adapters import takers
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.receipts import Failure, Receipt, Receipts
from weighlock.adapters.takers import Contradicted, NotTaken
from weighlock.errors import ConfigError, Unavailable
from weighlock.ledger import entry
from weighlock.ledger.anchors import Anchor, Anchors, anchors
from weighlock.ledger.checkpoint import Verifier
from weighlock.rulefile import parse

log = logging.getLogger("weighlock")

LOOK = 1.0
"""Seconds between two looks at how far the anchors reach."""
LONGEST = 300.0
"""Most seconds between two attempts at an anchor that fails."""
PATIENCE = 10.0
"""Seconds that a start and a stop wait for the anchors."""


def read_anchors(path: Path | None) -> Anchors:
    """None listed where there is no file. Raises ConfigError with the place."""
    if path is None:
        return Anchors()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", str(path)) from None
    return anchors(parse(text, str(path)))


def reach(listed: Anchors, receipts: Receipts) -> dict[str, int]:
    """How many entries each anchor covers. One that contradicts covers none."""
    newest, failures = receipts.newest(), receipts.failures()
    return {
        one.id: newest[one.id].size if one.id in newest and not _contradicts(failures.get(one.id)) else 0
        for one in listed.listed
    }


def waits(listed: Anchors, receipts: Receipts, reader: Reader, now: float) -> float:
    """Seconds for which the oldest entry waits that too few anchors cover; 0 where there is none."""
    covered = listed.covered(reach(listed, receipts).values())
    if covered >= reader.size:
        return 0.0
    oldest = entry.parse(reader.entry(max(covered, reader.first)))
    return max(0.0, now - datetime.fromisoformat(oldest.time).timestamp())


def _contradicts(failure: Failure | None) -> bool:
    return failure is not None and failure.contradicts


class Anchoring:
    """*listed* are one at least. *told* hears of `anchors-late`, `anchors-in-time` and `anchor-contradicts`; *clock*
    gives Unix seconds.
    """

    def __init__(
        self,
        state: Path,
        listed: Anchors,
        verifier: Verifier,
        told: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigError."""
        self._path, self._listed, self._verifier, self._told, self._clock = state / NAME, listed, verifier, told, clock
        self._receipts = Receipts.open(state)
        self._failing = set(self._receipts.failures())
        self._lock = asyncio.Lock()
        self.late = False

    def require(self) -> None:
        """Raises Unavailable where nothing may go on because the anchors are late."""
        if self.late and self._listed.refuse:
            raise Unavailable(
                "anchors-late",
                "The record is not kept outside this host in time, and nothing goes on until it is.",
                next_step="Try again later. `weighlock ledger anchors` tells the operator which anchor fails.",
            )

    async def round(self) -> None:
        """Give every anchor what it lacks, once."""
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(self.give(anchor) for anchor in self._listed.listed))
        except TimeoutError:
            log.warning("anchors: not all answered within %g s", PATIENCE)

    async def watch(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            for anchor in self._listed.listed:
                group.create_task(self._tend(anchor))
            while True:
                await asyncio.sleep(LOOK)
                await self.look()

    async def _tend(self, anchor: Anchor) -> None:
        wait = anchor.every
        while True:
            await asyncio.sleep(wait)
            wait = anchor.every if await self.give(anchor) else min(max(LONGEST, anchor.every), wait * 2)

    async def give(self, anchor: Anchor) -> bool:
        """Give *anchor* the newest checkpoint; whether it has it now."""
        try:
            size, note, seen = await self._stored(self._due, anchor)
            if size > seen:
                receipt = await takers.give(anchor, note, seen, self._path, self._verifier)
                await self._stored(self._receipts.keep, Receipt(anchor.id, size, self._clock(), note, receipt))
            elif anchor.id in self._failing:
                await self._stored(self._receipts.mend, anchor.id)
        except NotTaken as error:
            return await self._failed(anchor, str(error), contradicts=isinstance(error, Contradicted))
        except Exception as error:  # whatever it is, it must not end the watch, and its text is not ours
            return await self._failed(anchor, type(error).__name__, contradicts=False)
        if anchor.id in self._failing:
            self._failing.discard(anchor.id)
            log.info("anchor %s keeps checkpoints again", anchor.id)
        return True

    async def look(self) -> None:
        """Find out whether they are late, and tell where that changed."""
        try:
            waited = await self._stored(self._waits)
        except Exception as error:
            log.error("anchors: cannot tell how far they reach: %s", type(error).__name__)
            waited = float("inf")
        late = waited > self._listed.within
        if late == self.late:
            return
        self.late = late
        asked = f"{self._listed.needed} of {len(self._listed.listed)} anchors within {self._listed.within:g} s"
        self._told("anchors-late" if late else "anchors-in-time", asked)

    async def _failed(self, anchor: Anchor, why: str, *, contradicts: bool) -> bool:
        if anchor.id not in self._failing:
            self._failing.add(anchor.id)
            log.warning("anchor %s: %s", anchor.id, why)
        try:
            known = (await self._stored(self._receipts.failures)).get(anchor.id)
            await self._stored(self._receipts.fail, Failure(anchor.id, self._clock(), why, contradicts))
            if contradicts and not _contradicts(known):
                self._told("anchor-contradicts", f"{anchor.id}: {why}")
        except Exception as error:
            log.error("anchors: what failed cannot be noted: %s", type(error).__name__)
        return False

    def _due(self, anchor: Anchor) -> tuple[int, str, int]:
        """The newest checkpoint, and the size of the one that *anchor* has. Contradicted where that is of another."""
        last = self._receipts.newest().get(anchor.id)
        with Reader(self._path) as reader:
            try:
                size, note, _ = reader.checkpoint()
            except KeyError:
                return 0, "", 0
            if last and not takers.agrees(last.note, self._verifier, reader):
                raise Contradicted(f"it has a checkpoint of {last.size} entries that is not of this ledger")
        return size, note, last.size if last else 0

    def _waits(self) -> float:
        with Reader(self._path) as reader:
            return waits(self._listed, self._receipts, reader, self._clock())

    async def _stored[**P, T](self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """The connection is for one thread at a time."""
        async with self._lock:
            return await asyncio.to_thread(work, *given, **named)

    def close(self) -> None:
        self._receipts.close()
