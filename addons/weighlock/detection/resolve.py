"""Overlapping hits become one: the worse one names it, and it covers them all, so that no part of either shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from weighlock.model import Level


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found in one text, before overlaps are resolved."""

    rule: str
    entity: str
    level: Level
    score: float
    start: int
    end: int
    tags: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, float, int]:
        return (self.level, self.score, self.end - self.start)


def resolve(hits: Iterable[Hit]) -> list[Hit]:
    """Sorted, none overlapping another."""
    resolved: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.end)):
        if resolved and hit.start < resolved[-1].end:
            last = resolved[-1]
            worse = hit if hit.rank > last.rank else last
            tags = tuple(sorted({*hit.tags, *last.tags}))
            resolved[-1] = replace(worse, start=last.start, end=max(last.end, hit.end), tags=tags)
        else:
            resolved.append(hit)
    return resolved
