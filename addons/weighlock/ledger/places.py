"""Entries that stand at another place than they say, and what was done to them: told from how far each has moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weighlock.ledger.kept import Add

STEP = 3
MOST = 10_000
"""Runs that are kept in mind; of so many, nothing more can be said than that the order is another."""


@dataclass(slots=True)
class _Run:
    """Entries *first* to *last* that all stand *by* places behind the number that they say."""

    first: int
    last: int
    by: int


class Places:
    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def moved(self, at: int, says: int) -> None:
        """The entry at the place *at* says that it is number *says*. In the order of places."""
        last = self._runs[-1] if self._runs else None
        if last and last.last == at - 1 and last.by == at - says:
            last.last = at
        elif len(self._runs) < MOST:
            self._runs.append(_Run(at, at, at - says))

    def tell(self, add: Add) -> None:
        """All that was found, when every entry was seen."""
        runs = list(self._without_swaps(add))
        if not runs:
            return
        if len(self._runs) == MOST or _same(
            ((run.first, run.last) for run in runs), ((run.first - run.by, run.last - run.by) for run in runs)
        ):
            first, last = runs[0].first, runs[-1].last
            add(first, STEP, "reordered", f"entries {first} to {last} stand in another order than was written")
            return
        for run in runs:
            where = f"entry {run.first} says" if run.first == run.last else f"entries {run.first} to {run.last} say"
            if run.by > 0:
                add(run.first, STEP, "inserted", f"{where} a number lower by {run.by}: so many were put in before")
            else:
                add(run.first, STEP, "deleted", f"{where} a number higher by {-run.by}: so many are missing before")

    def _without_swaps(self, add: Add) -> Iterator[_Run]:
        alone = {run.first: run.first - run.by for run in self._runs if run.first == run.last}
        for run in self._runs:
            other = alone.get(run.first)
            if other is None or alone.get(other) != run.first:
                yield run
            elif run.first < other:
                add(run.first, STEP, "swapped", f"entries {run.first} and {other} stand at each other's place")


def _same(places: Iterable[tuple[int, int]], said: Iterable[tuple[int, int]]) -> bool:
    """Whether both are of the same numbers, each once."""
    return _joined(places) == _joined(said)


def _joined(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Runs that touch are one; None where some overlap."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if joined and first <= joined[-1][1]:
            return None
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
