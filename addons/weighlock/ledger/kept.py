"""The payloads that are kept, held against what the entries say of them: the fifth step of a verification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

import msgspec

from weighlock.ledger import entry, erasure

Add = Callable[[int, int, str, str], None]
"""Reports a problem: of which entry, in which step, its kind and a message."""


class Payload(msgspec.Struct, frozen=True):
    seq: int
    name: str
    ciphertext: bytes
    wrapped: bytes
    """Its key, wrapped; empty where that is not there."""


class Kept:
    """Walked along with the entries that name them."""

    def __init__(self, add: Add, payloads: Iterable[Payload], first: int) -> None:
        """*first*: entries before it were removed."""
        self._add, self._first = add, first
        self._payloads: Iterator[Payload] = iter(payloads)
        self._at = next(self._payloads, None)
        self._missing: dict[int, list[tuple[str, str]]] = {}  # by entry: kind and message of each problem
        self._erased: set[int] = set()

    def erased(self, seq: int, said: entry.Entry) -> None:
        """Of an entry that says which payloads were destroyed: it speaks of earlier ones only."""
        try:
            self._erased.update(gone for gone in erasure.erased(said.body, seq) if gone >= self._first)
        except ValueError as error:
            self._add(seq, 5, "erasure", f"the erasure is {error}")

    def check(self, seq: int, said: entry.Entry) -> None:
        kept = self._take(seq)
        for name, ref in said.payloads.items():
            payload = kept.pop(name, None)
            if payload is None:
                self._miss(seq, "payload-missing", f"the payload {name} is missing")
            elif sha256(payload.ciphertext).hexdigest() != ref.sha256:
                self._add(seq, 5, "payload-changed", f"the payload {name} is not the one that was recorded")
            elif not payload.wrapped:
                self._miss(seq, "payload-key-missing", f"the key of the payload {name} is missing")
            elif sha256(payload.wrapped).hexdigest() != ref.key:
                self._add(
                    seq, 5, "payload-key-changed", f"the key of the payload {name} is not the one that was recorded"
                )
        for name in kept:
            self._add(seq, 5, "payload-stray", f"the entry does not name the payload {name}")

    def _miss(self, seq: int, kind: str, message: str) -> None:
        """Whether that is in order is known at the end."""
        self._missing.setdefault(seq, []).append((kind, message))

    def skip(self, seq: int) -> None:
        """Pass over the payloads of an entry that cannot be read."""
        self._take(seq)

    def rest(self) -> int:
        """To be called after the last entry; how many entries are erased."""
        for seq, problems in self._missing.items():
            for kind, message in problems if seq not in self._erased else ():
                self._add(seq, 5, kind, message)
        for seq in sorted(self._erased - self._missing.keys()):
            self._add(seq, 5, "not-erased", "its payloads are there, though an erasure says that they are not")
        while self._at:
            self._add(self._at.seq, 5, "payload-stray", f"no entry for the payload {self._at.name}")
            self._at = next(self._payloads, None)
        return len(self._erased)

    def _take(self, seq: int) -> dict[str, Payload]:
        """The payloads of the entry, by name."""
        taken = {}
        at = self._at
        while at and at.seq <= seq:
            if at.seq == seq:
                taken[at.name] = at
            else:
                self._add(at.seq, 5, "payload-stray", f"no entry for the payload {at.name}")
            at = next(self._payloads, None)
        self._at = at
        return taken
