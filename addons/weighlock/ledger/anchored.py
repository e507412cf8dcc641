"""Checkpoints that were kept outside the host, held against the log: the ninth step of a verification.

They show what the file alone cannot: entries cut from the end with every checkpoint that covered them, and a history
that somebody with the checkpoint key wrote anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from weighlock.ledger import checkpoint
from weighlock.ledger.checkpoint import BadNote, Checkpoint, Verifier
from weighlock.ledger.kept import Add


class Anchored:
    def __init__(self, add: Add, notes: Iterable[str], verifier: Verifier) -> None:
        self._add = add
        self._due: list[Checkpoint] = []  # the smallest last
        for note in notes:
            try:
                self._due.append(checkpoint.verify(note, verifier))
            except BadNote as error:
                add(0, 9, "anchor", f"a checkpoint that was kept elsewhere: {error}")
        self._due.sort(key=lambda said: -said.size)
        self.next = self._next()
        """Entries of the smallest that is not held against the log yet."""
        self.held = 0
        """How many the log agrees with."""

    def reach(self, size: int, root: Callable[[], bytes], whole: bool) -> None:
        """After the entries before *size*. Where they are not *whole*, something else was said of them already."""
        while self._due and self._due[-1].size <= size:
            said = self._due.pop()
            if not whole or said.size != size:
                continue
            if said.root == root():
                self.held += 1
            else:
                self._add(
                    said.size - 1, 9, "forked", f"the checkpoint of {said.size} entries kept elsewhere is of others"
                )

        self.next = self._next()

    def _next(self) -> float:
        return self._due[-1].size if self._due else math.inf

    def end(self, size: int) -> None:
        for said in reversed(self._due):
            missing = f"covers {said.size} entries; the last {said.size - size} are missing"
            self._add(size, 9, "rolled-back", f"a checkpoint kept elsewhere {missing}")
