"""How each kind of anchor is given a checkpoint, and how what it gave for one is judged."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from weighlock.adapters import fetch, timestamps
from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.adapters.stores.receipts import Receipt
from weighlock.errors import ConfigError
from weighlock.ledger import checkpoint, merkle
from weighlock.ledger.anchors import Anchor, Medium, notes
from weighlock.ledger.checkpoint import BadNote, Verifier
from weighlock.ledger.proof import Consistency

TIMEOUT = 20.0
TAIL = 64 << 10
"""Bytes from a file's end among which its last checkpoint is."""


class NotTaken(Exception):
    """It does not have the checkpoint now; says why."""


class Contradicted(NotTaken):
    """It saw another log than this one: this one was cut, restored, or written anew."""


async def give(anchor: Anchor, note: str, seen: int, ledger: Path, verifier: Verifier) -> bytes:
    """What *anchor* gives for *note*, a checkpoint of *ledger*; *seen* is the size of the one that it had last, as far
    as is known. Raises NotTaken.
    """
    match anchor.medium:
        case Medium.WITNESS:
            return await _witnessed(anchor, note, seen, ledger, verifier)
        case Medium.TIMESTAMP:
            return await _stamped(anchor, note)
        case Medium.FILE:
            await asyncio.to_thread(_filed, Path(anchor.path), note, ledger, verifier)
            return b""


def judged(anchors: Iterable[Anchor], receipts: Iterable[Receipt]) -> Iterator[tuple[str, str, str]]:
    """Every checkpoint that *anchors* have: the anchor's id, the checkpoint, and what is wrong with what was given for
    it, or nothing. Raises ConfigError.
    """
    known = {anchor.id: anchor for anchor in anchors}
    for receipt in receipts:
        if (anchor := known.get(receipt.anchor)) and anchor.medium is not Medium.FILE:
            try:
                _judge(anchor, receipt.note, receipt.receipt)
            except BadNote as error:
                yield anchor.id, receipt.note, str(error)
            else:
                yield anchor.id, receipt.note, ""
    for anchor in known.values():
        if anchor.medium is Medium.FILE:
            try:
                text = Path(anchor.path).read_text("utf-8", "replace")
            except OSError:
                raise ConfigError(f"the file of anchor {anchor.id!r} cannot be read", anchor.path) from None
            yield from ((anchor.id, note, "") for note in notes(text))


def agrees(note: str, verifier: Verifier, reader: Reader) -> bool:
    """Whether *note* is a checkpoint of the ledger that *reader* reads."""
    try:
        said = checkpoint.verify(note, verifier)
        return said == checkpoint.verify(reader.checkpoint(said.size)[1], verifier)
    except (BadNote, KeyError):
        return False


def _judge(anchor: Anchor, note: str, receipt: bytes) -> None:
    if anchor.key:
        anchor.key.when(note + receipt.decode("utf-8", "replace"))
    else:
        timestamps.when(note, receipt, timestamps.authorities(anchor.authorities))


async def _witnessed(anchor: Anchor, note: str, seen: int, ledger: Path, verifier: Verifier) -> bytes:
    """The first request may learn how far the witness has seen the log, and the second proves it from there."""
    size = checkpoint.verify(note, verifier).size
    for last in (False, True):
        hashes = await asyncio.to_thread(_consistency, ledger, seen, size)
        asked = Consistency(seen, hashes, note).text.encode()
        status, answer = await _asked(anchor, f"{anchor.url.rstrip('/')}/add-checkpoint", asked, "text/plain")
        said = answer.decode("utf-8", "replace")
        if status == 200:
            return _cosigned(anchor, note, said)
        told = said.strip()
        if status != 409 or not told.isdecimal() or len(told) > 18:
            break
        if int(told) > size:
            raise Contradicted(f"it has seen {told} entries, and {size} are signed here")
        if last or int(told) == seen:
            break
        seen = int(told)
    if status in (409, 422):
        raise Contradicted("the log is not the one that it saw")
    if status in (403, 404):
        raise NotTaken("it does not know this ledger; start it with --log and this gateway's checkpoint.pub")
    raise NotTaken(f"it answers HTTP {status}")


def _cosigned(anchor: Anchor, note: str, lines: str) -> bytes:
    try:
        if anchor.key:
            anchor.key.when(note + lines)
    except BadNote as error:
        raise NotTaken(str(error)) from None
    return lines.encode()


def _consistency(ledger: Path, old: int, size: int) -> list[bytes]:
    """That the log of *size* entries begins with its *old* first ones."""
    if not old:
        return []
    with Reader(ledger) as reader:
        try:
            return merkle.consistency_proof(old, reader.tree(size, old))
        except IndexError:
            raise NotTaken(f"it saw {old} entries, and the segments of those that came next were removed") from None


async def _stamped(anchor: Anchor, note: str) -> bytes:
    believed = await asyncio.to_thread(timestamps.authorities, anchor.authorities)
    asked, nonce = timestamps.request(note)
    status, answer = await _asked(anchor, anchor.url, asked, timestamps.ASKS)
    if status != 200:
        raise NotTaken(f"it answers HTTP {status}")
    try:
        timestamps.when(note, answer, believed, nonce)
    except BadNote as error:
        raise NotTaken(str(error)) from None
    return answer


async def _asked(anchor: Anchor, url: str, body: bytes, media: str) -> tuple[int, bytes]:
    headers = {"content-type": media, "accept": "*/*"}
    try:
        return await fetch.answer(url, ca=anchor.ca, body=body, headers=headers, timeout=TIMEOUT)
    except fetch.Unreachable as error:
        raise NotTaken(f"it does not answer: {error}") from None


def _filed(path: Path, note: str, ledger: Path, verifier: Verifier) -> None:
    """Append *note*, durably. What stands last in the file must be of this ledger."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(file).st_size
            tail = os.pread(file, TAIL, max(0, size - TAIL)).decode("utf-8", "replace")
            found = notes(tail)
            with Reader(ledger) as reader:
                if size and not (found and agrees(found[-1], verifier, reader)):
                    raise Contradicted("the last checkpoint in the file is not of this ledger")
            data = ("" if tail.endswith("\n\n") or not tail else "\n\n").encode() + note.encode() + b"\n"
            if os.write(file, data) != len(data):
                raise NotTaken("the file takes no more")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise NotTaken(f"the file cannot be written: {error.strerror}") from None
