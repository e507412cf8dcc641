"""The ledger as the gateway uses it: append, and know that it is durable. Never on the event loop.

Sealing happens in a few threads, so that a large payload does not hold up the small ones. One thread writes; while it
commits, others gather and share the next commit. One process writes: a lock file keeps a second gateway out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from weighlock.adapters.keys import Keys
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerlock import take
from weighlock.adapters.stores.ledgerwriter import BATCH, Broken, LedgerWriter, Prepared
from weighlock.errors import Unavailable
from weighlock.ledger.entry import Kind
from weighlock.ledger.seal import KEY_SIZE, NONCE_SIZE, SALT_SIZE, Sealed, seal

log = logging.getLogger("weighlock")

ENTRIES = 1024
"""Most entries under way; over it, refused."""
BYTES = 256 << 20
"""Most bytes of payloads under way; over it, refused. A single entry is let through whatever its size."""
SIGN_AFTER = 5.0
"""Seconds that an entry waits for a checkpoint at most."""
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


@dataclass(frozen=True, slots=True)
class _Waiting:
    prepared: Prepared
    size: int
    ticket: Future[int]


class _Backlog:
    """What is under way between those who append and the one that writes, bounded."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._entries = self._bytes = 0
        self._closed = False

    def admit(self, size: int) -> None:
        """Make room for one entry of *size* bytes; Unavailable where there is none."""
        with self._changed:
            if self._closed:
                raise Unavailable("ledger-closed", "The ledger is closed.")
            if self._entries >= ENTRIES or (self._entries and self._bytes + size > BYTES):
                raise Unavailable("ledger-overloaded", "The ledger cannot keep up.", next_step="Try again in a moment.")
            self._entries += 1
            self._bytes += size

    def release(self, size: int) -> None:
        """One that was admitted is over: acknowledged or refused."""
        with self._changed:
            self._entries -= 1
            self._bytes -= size
            self._changed.notify_all()

    def put(self, waiting: _Waiting) -> None:
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify_all()

    def take(self, timeout: float | None) -> list[_Waiting] | None:
        """All that waits, up to a batch; none after *timeout* seconds; None when closed and nothing is under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or (self._closed and not self._entries), timeout)
            if not self._waiting and self._closed and not self._entries:
                return None
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


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
            return cls(LedgerWriter(state / NAME, keys.signer, clock), keys, lock, written)
        except BaseException:
            os.close(lock)
            raise

    def __init__(
        self, writer: LedgerWriter, keys: Keys, lock: int, written: Callable[[Kind, Mapping[str, Any]], None]
    ) -> None:
        self._writer, self._recipients, self._lock, self._written = writer, keys.recipients, lock, written
        self._backlog = _Backlog()
        self._sealers = ThreadPoolExecutor(4, "weighlock-seal")
        self._thread = threading.Thread(target=self._run, name="weighlock-ledger", daemon=True)
        self._failing = False
        self._closing: asyncio.Task[None] | None = None
        self._thread.start()

    async def append(self, draft: Draft) -> int:
        """Write *draft* and return its sequence number when it is durable.

        Raises Unavailable (`ledger-unavailable`, `ledger-overloaded`, `ledger-closed`, `entry-unwritable`); the entry
        may stand in the ledger all the same, never the other way round. Cancelling the wait does not take it back.
        """
        size = sum(map(len, draft.payloads.values()))
        ticket: Future[int] = Future()
        ticket.set_running_or_notify_cancel()
        self._backlog.admit(size)
        self._sealers.submit(self._seal, draft, size, ticket)
        seq = await asyncio.wrap_future(ticket)
        self._written(draft.kind, draft.body)
        return seq

    @property
    def scrubbed(self) -> bool:
        """Whether no destroyed key is left anywhere."""
        return self._writer.scrubbed

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
            self._writer.write([], sign=True)
            self._writer.close()
        except (sqlite3.Error, OSError, Broken) as error:
            raise _unavailable() from error
        finally:
            os.close(self._lock)

    def _seal(self, draft: Draft, size: int, ticket: Future[int]) -> None:
        try:
            sealed = {name: _sealed(payload, self._recipients) for name, payload in draft.payloads.items()}
        except Exception as error:  # whatever it is, somebody waits for the answer
            log.error("ledger: cannot seal: %s", type(error).__name__)
            self._backlog.release(size)
            ticket.set_exception(_unavailable())
            return
        self._backlog.put(_Waiting(Prepared(draft.kind, draft.body, sealed, draft.erases), size, ticket))

    def _run(self) -> None:
        due: float | None = None
        while (batch := self._backlog.take(None if due is None else max(0.0, due - time.monotonic()))) is not None:
            overdue = due is not None and due <= time.monotonic()
            try:
                written: Sequence[int | None] | None = self._writer.write(
                    [waiting.prepared for waiting in batch], sign=overdue
                )
            except Exception as error:  # whatever it is, nothing of the batch may be acknowledged
                self._note(error)
                written = None
            else:
                self._note(None)
            for waiting in batch:  # before anybody hears of it: the next entry must find its room
                self._backlog.release(waiting.size)
            _settle(batch, written)
            if not self._writer.scrubbed:
                due = time.monotonic() + SCRUB_AFTER
            elif not self._writer.unsigned:
                due = None
            elif due is None or overdue:
                due = time.monotonic() + SIGN_AFTER

    def _note(self, error: Exception | None) -> None:
        """Say once that the ledger cannot be written, and once that it can be again."""
        if error and not self._failing:
            log.error("ledger: not writable: %s", error)
        elif self._failing and not error:
            log.warning("ledger: writable again")
        self._failing = error is not None


def _settle(batch: Sequence[_Waiting], written: Sequence[int | None] | None) -> None:
    """Tell those who wait: the sequence number, or that it is not *written*, alone (None among them) or at all."""
    for waiting, seq in zip(batch, written or [None] * len(batch), strict=True):
        if seq is not None:
            waiting.ticket.set_result(seq)
        elif written is None:
            waiting.ticket.set_exception(_unavailable())
        else:
            waiting.ticket.set_exception(Unavailable("entry-unwritable", "The entry cannot be written."))


def _sealed(payload: bytes, recipients: tuple[Any, ...]) -> Sealed:
    return seal(
        payload,
        recipients,
        key=secrets.token_bytes(KEY_SIZE),
        nonce=secrets.token_bytes(NONCE_SIZE),
        salt=secrets.token_bytes(SALT_SIZE),
    )


def _unavailable() -> Unavailable:
    return Unavailable(
        "ledger-unavailable",
        "The ledger cannot be written, and nothing goes on unrecorded.",
        next_step="Try again later.",
    )
