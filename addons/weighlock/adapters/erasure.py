"""Carries out what was ordered of the ledger, in the one process that writes it: keys are destroyed, segments removed,
holds recorded.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from itertools import batched
from pathlib import Path

from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.orders import Order, OrderKind, Orders
from weighlock.errors import ConfigError, Unavailable
from weighlock.ledger.chain import removed_body
from weighlock.ledger.entry import Kind
from weighlock.ledger.erasure import erasure_body, hold_body

log = logging.getLogger("weighlock")

INTERVAL = 0.5
"""Seconds between two looks."""
BATCH = 500
"""Entries that one erasure names: the writing of others waits no longer than that takes."""


class Eraser:
    """*clock* gives Unix seconds."""

    def __init__(self, ledger: Ledger, orders: Orders, state: Path, clock: Callable[[], float]) -> None:
        self._ledger, self._orders, self._path, self._clock = ledger, orders, state / NAME, clock

    async def watch(self) -> None:
        """Carry out for ever. What fails is tried again: an order stays until it is done."""
        while True:
            try:
                await self.carry_out()
            except (sqlite3.Error, ConfigError, Unavailable) as error:
                log.warning("an order of the ledger is not carried out yet: %s", type(error).__name__)
            await asyncio.sleep(INTERVAL)

    async def carry_out(self) -> None:
        for order in await asyncio.to_thread(self._orders.due):
            if order.kind is OrderKind.ERASE:
                await self._erase(order)
            elif order.kind is OrderKind.REMOVE:
                await self._remove(order)
            else:
                event = "hold-added" if order.kind is OrderKind.HOLD else "hold-released"
                body = hold_body(event, order.target, order.reason, order.by, order.hold or order.id)
                await self._ledger.append(Draft(Kind.CONTROL, body))
            await asyncio.to_thread(self._orders.done, order.id, self._clock())
            log.info("order %d of the ledger is carried out: %s", order.id, order.kind)

    async def _erase(self, order: Order) -> None:
        """Also what was begun before a crash: keys that are destroyed already are passed over."""
        left = await asyncio.to_thread(self._keyed, order.seqs)
        for seqs in batched(left, BATCH):
            body = erasure_body(order.target, order.reason, order.by, seqs)
            await self._ledger.append(Draft(Kind.ERASURE, body, erases=seqs))
        await self._settled()

    async def _remove(self, order: Order) -> None:
        """Also what was begun before a crash. Never a segment with a payload that can be opened."""
        before = order.seqs[0]
        note = await asyncio.to_thread(self._closing, before)
        if note:
            body = removed_body(before, note, order.reason, order.by)
            await self._ledger.append(Draft(Kind.CONTROL, body, removes=before))
        await self._settled()

    async def _settled(self) -> None:
        while True:  # somebody may be reading what is to be emptied
            if self._ledger.settled:
                return
            await asyncio.sleep(INTERVAL / 5)

    def _closing(self, before: int) -> str:
        """The checkpoint that closes the segments to be removed; empty where they are not, or may not be."""
        with Reader(self._path) as reader:
            if before <= reader.first or before not in reader.segments():
                return ""
            if min(reader.keyed(), default=before) < before:
                log.error("segments before entry %d are not removed: there are payloads in them", before)
                return ""
            return reader.begins(before).note

    def _keyed(self, seqs: list[int]) -> list[int]:
        with Reader(self._path) as reader:
            keyed = reader.keyed()
        return [seq for seq in seqs if seq in keyed]
