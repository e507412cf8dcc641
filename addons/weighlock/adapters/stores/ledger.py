"""The ledger as the gateway uses it: append, and know that it is durable. Never on the event loop.

Sealing happens in a few threads, so that a large payload does not hold up the small ones. One thread writes; while it
commits, others gather and share the next commit. One process writes: a lock file keeps a second gateway out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from weighlock.adapters.keys import Keys
from weighlock.adapters.stores.ledgerbacklog import CLOSED, Backlog, Waiting
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgergap import Gap
from weighlock.adapters.stores.ledgerlock import take
from weighlock.adapters.stores.ledgersealer import Sealer
from weighlock.adapters.stores.ledgertail import Broken
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.errors import Unavailable
from weighlock.ledger.entry import Kind

log = logging.getLogger("weighlock")

SMALL = 1 << 14
"""Bytes of payloads up to which they are sealed at once: asking a thread to takes longer."""
SIGN_AFTER = 5.0
"""Seconds that an entry waits for a checkpoint at most."""
TRY_AFTER = 1.0
"""Seconds between two attempts to write what was missed, where nobody else writes."""
SCRUB_AFTER = 0.2
"""Seconds until the write-ahead log is emptied, where somebody still read it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be. *body* is clear and holds no plaintext, *payloads* are sealed."""

    kind: Kind
    body: Mapping[str, Any]
    payloads: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    erases: tuple[int, ...] = ()
    """Entries whose payloads' keys are destroyed with it."""
    opens: bool = False
    """Whether a segment begins with it: what *body* says is made then. `entry-unwritable` where one has just begun."""
    removes: int = 0
    """The segments before the one that begins with this entry are removed with it."""


class Ledger:
    @classmethod
    def open(
        cls,
        state: Path,
        keys: Keys,
        clock: Callable[[], float] = time.time,
        written: Callable[[Kind, Mapping[str, Any]], None] = lambda kind, body: None,
    ) -> Self:
        """The ledger in the folder *state*, begun where there is none. *clock* gives Unix seconds; *written* hears of
        each entry that is durable.

        ConfigError where another process has it, or where the file is not what its last checkpoint says.
        """
        lock = take(state / "ledger.lock")
        try:
            return cls(LedgerWriter(state / NAME, keys.signer, clock), keys, lock, Gap(clock), written)
        except BaseException:
            os.close(lock)
            raise

    def __init__(
        self, writer: LedgerWriter, keys: Keys, lock: int, gap: Gap, written: Callable[[Kind, Mapping[str, Any]], None]
    ) -> None:
        self._writer, self._lock, self._gap, self._written = writer, lock, gap, written
        self._sealer = Sealer(keys.recipients, secrets.token_bytes, time.monotonic)
        self._backlog = Backlog()
        self._sealers = ThreadPoolExecutor(4, "weighlock-seal")
        self._thread = threading.Thread(target=self._run, name="weighlock-ledger", daemon=True)
        self._failing = False
        self._closing: asyncio.Task[None] | None = None
        self._thread.start()

    async def append(self, draft: Draft) -> int:
        """Write *draft* and return its sequence number when it is durable.

        Raises Unavailable (`ledger-unavailable`, `ledger-overloaded`, `ledger-closed`, `entry-unwritable`); the entry
        may stand in the ledger all the same, never the other way round. Cancelling the wait does not take it back.
        What could not be written is counted, and the count is an entry as soon as one can be written again.
        """
        size = sum(map(len, draft.payloads.values()))
        ticket: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._backlog.admit(size)
        except Unavailable as error:
            if error.code != CLOSED:
                self._gap.add()
            raise
        if size > SMALL:
            self._sealers.submit(self._seal, draft, size, ticket)
        else:
            self._seal(draft, size, ticket)
        seq = await ticket
        self._written(draft.kind, draft.body)
        return seq

    @property
    def unclean(self) -> bool:
        """Whether the run before this one did not end by itself."""
        return self._writer.unclean

    @property
    def settled(self) -> bool:
        """Whether nothing is left of destroyed keys and removed segments."""
        return self._writer.scrubbed and self._writer.tidy

    async def close(self) -> None:
        """Write what is under way, sign, and let go of the file. Unavailable where that could not be written."""
        if self._closing is None:
            self._closing = asyncio.create_task(asyncio.to_thread(self._close))
        await asyncio.shield(self._closing)

    def _close(self) -> None:
        self._backlog.close()
        self._thread.join()
        self._sealers.shutdown()
        try:
            self._write([], sign=True)
            self._writer.close()
        except (sqlite3.Error, OSError, Broken) as error:
            raise _unavailable() from error
        finally:
            os.close(self._lock)

    def _seal(self, draft: Draft, size: int, ticket: asyncio.Future[int]) -> None:
        try:
            sealed = {name: self._sealer.seal(payload) for name, payload in draft.payloads.items()}
        except Exception as error:  # whatever it is, somebody waits for the answer
            log.error("ledger: cannot seal: %s", type(error).__name__)
            self._gap.add()
            self._backlog.release(size)
            _settle([ticket], None)
            return
        prepared = Prepared(draft.kind, draft.body, sealed, draft.erases, draft.opens, draft.removes)
        self._backlog.put(Waiting(prepared, size, ticket))

    def _run(self) -> None:
        due: float | None = None
        while (batch := self._backlog.take(self._patience(due))) is not None:
            overdue = due is not None and due <= time.monotonic()
            if batch or overdue:
                self._commit(batch, sign=overdue)
            if not self._failing and not self._writer.tidy:
                self._tidy_up()
            if self._failing or self._gap.current():
                due = time.monotonic() + TRY_AFTER
            elif not self._writer.scrubbed:
                due = time.monotonic() + SCRUB_AFTER
            elif not self._writer.unsigned:
                due = None
                self._sealer.forget()  # it may be long until the next
            elif due is None or overdue:
                due = time.monotonic() + SIGN_AFTER

    def _patience(self, due: float | None) -> float | None:
        """Seconds for which entries are waited for."""
        if not self._failing and not self._writer.tidy:
            return 0.0
        return None if due is None else max(0.0, due - time.monotonic())

    def _commit(self, batch: Sequence[Waiting], *, sign: bool) -> None:
        written: Sequence[int | None] | None = None
        try:
            written = self._write([waiting.prepared for waiting in batch], sign=sign)
        except Exception as error:  # whatever it is, nothing of the batch may be acknowledged
            self._note(error)
        else:
            self._note(None)
        for seq in written or [None] * len(batch):
            if seq is None:
                self._gap.add()
        # Before anybody hears of it: the next entry must find its room.
        self._backlog.release(*(waiting.size for waiting in batch))
        _settle([waiting.ticket for waiting in batch], written)

    def _tidy_up(self) -> None:
        """A little at a time, between what others wait for."""
        try:
            self._writer.tidy_up()
        except Exception as error:  # it is tried again
            self._note(error)

    def _write(self, batch: Sequence[Prepared], *, sign: bool) -> Sequence[int | None]:
        """As the writer does; what was missed before goes ahead of it."""
        missed = self._gap.current()
        if missed is None:
            return self._writer.write(batch, sign=sign)
        written = self._writer.write([missed.prepared(), *batch], sign=sign)
        self._gap.told(missed)
        log.warning("ledger: %d entries could not be written", missed.entries)
        return written[1:]

    def _note(self, error: Exception | None) -> None:
        """Say once that the ledger cannot be written, and once that it can be again."""
        if error and not self._failing:
            log.error("ledger: not writable: %s", error)
        elif self._failing and not error:
            log.warning("ledger: writable again")
        self._failing = error is not None


def _settle(tickets: Sequence[asyncio.Future[int]], written: Sequence[int | None] | None) -> None:
    """Tell those who wait: the sequence number, or that it is not *written*, alone (None among them) or at all."""
    told = zip(tickets, written or [None] * len(tickets), strict=True)
    for loop, some in itertools.groupby(told, key=lambda one: one[0].get_loop()):
        with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, list(some), written is None)


def _tell(told: Sequence[tuple[asyncio.Future[int], int | None]], unwritten: bool) -> None:
    for ticket, seq in told:
        if ticket.done():
            continue  # given up
        if seq is not None:
            ticket.set_result(seq)
        else:
            odd = Unavailable("entry-unwritable", "The entry cannot be written.")
            ticket.set_exception(_unavailable() if unwritten else odd)


def _unavailable() -> Unavailable:
    return Unavailable(
        "ledger-unavailable",
        "The ledger cannot be written, and nothing goes on unrecorded.",
        next_step="Try again later.",
    )
