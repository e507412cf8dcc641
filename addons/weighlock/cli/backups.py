"""Back-ups of the ledger: made while it is written, and made anew after an erasure."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
import time
from pathlib import Path

from weighlock.adapters.erasure import BATCH
from weighlock.adapters.keys import Keys
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.adapters.stores.orders import Orders
from weighlock.cli.ledger import read_verifier
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.chain import Begins, removed_body
from weighlock.ledger.entry import Kind
from weighlock.ledger.erasure import erased, erasure_body
from weighlock.ledger.verify import Report, verify


def make(folder: Path, path: Path, orders: Orders) -> Report:
    """Copy the ledger in *folder* to *path*, whole or not at all, verified; a later erasure will make it anew."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with Reader(folder / NAME) as reader:
            reader.copy(draft)
        report = check(draft, folder)
        if not report.ok:
            raise ConfigError("the ledger does not verify; see `weighlock ledger verify`", str(folder / NAME))
        orders.backed_up(path, report.entries, time.time())  # first: an erasure must know of it
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot be written: {reason}", str(path)) from None
    finally:
        _clear(draft)
    return report


def remake(folder: Path, orders: Orders) -> tuple[list[str], list[str]]:
    """The known back-ups, made anew as the ledger is now: it only grows, so they lose nothing but what was erased.

    Second, those that could not be: their folder is not there, or they are not.
    """
    made: list[str] = []
    unreached: list[str] = []
    for path in orders.backups():
        try:
            if not path.is_file():
                raise ConfigError("is not there", str(path))
            make(folder, path, orders)
        except ConfigError:
            unreached.append(str(path))
        else:
            made.append(str(path))
    return made, unreached


def check(path: Path, folder: Path) -> Report:
    """Of the ledger file *path*, verified with the public key in *folder*."""
    with Reader(path) as reader:
        verifier = read_verifier(str(folder / "checkpoint.pub"))
        return verify(reader.rows(), reader.payloads(), reader.checkpoints(), verifier, begins=reader.begins())


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lost(path: Path, file: Path) -> str:
    """What the ledger at *path* has that *file* has not, in words; empty where that is nothing, or not to be read."""
    try:
        with Reader(path) as here, Reader(file) as there:
            more = 0
            first = max(here.first, there.first)
            if there.first >= here.size > here.first:
                return "all entries"
            ours, theirs = (itertools.dropwhile(lambda row: row.seq < first, one.rows()) for one in (here, there))
            for row in ours:
                other = next(theirs, None)
                if other is None:
                    more = 1 + sum(1 for _ in ours)
                elif other.leaf != row.leaf:
                    return f"all entries from {row.seq} on, which are others,"
            return f"the last {more} entries" if more else ""
    except ConfigError:
        return ""


def restore(folder: Path, file: Path, orders: Orders, keys: Keys, by: str) -> int:
    """Put *file*, which verifies, in the ledger's place; how many of its entries were erased since.

    Segments that were removed since are removed again.
    """
    seqs = {seq for order in orders.erasures() for seq in order.seqs}
    removed = orders.removed()
    with contextlib.suppress(ConfigError, ValueError), Reader(folder / NAME) as here:
        removed = max(removed, here.first)
        for data in here.entries():
            said = entry.parse(data)
            if said.kind is Kind.ERASURE:
                seqs.update(erased(said.body, said.seq))
    draft = folder / f".{NAME}.{secrets.token_hex(4)}"
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with Reader(file) as there:
            there.copy(draft)
            first = max(first for first in there.segments() if first <= max(removed, there.first))
            begins = there.begins(first) if first > there.first else Begins()
            again = sorted(seq for seq in there.keyed() if seq in seqs or seq < first)
        writer = LedgerWriter(draft, keys.signer, time.time)
        for part in itertools.batched(again, BATCH):
            body = erasure_body({}, "erased before it was restored", by, part)
            writer.write([Prepared(Kind.ERASURE, body, {}, part)])
        if begins.size:
            body = removed_body(begins.size, begins.note, "removed before it was restored", by)
            writer.write([Prepared(Kind.CONTROL, body, {}, removes=begins.size)])
        writer.write([Prepared(Kind.CONTROL, entry.control_body("restored", "from a back-up"), {})], sign=True)
        while not writer.tidy:
            writer.tidy_up()
        writer.close()
        sync(draft)
        for end in ("-wal", "-shm"):  # first: they must never be taken for those of the file that comes
            (folder / f"{NAME}{end}").unlink(missing_ok=True)
        draft.replace(folder / NAME)
        sync(folder)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot be written: {reason}", str(folder / NAME)) from None
    finally:
        _clear(draft)
    return len(again)


def _clear(draft: Path) -> None:
    for left in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm", "-journal"))):
        left.unlink(missing_ok=True)
