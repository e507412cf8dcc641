"""Overlapping hits become findings that do not overlap, by what is known about them and not by their scores alone.

Rules are exact and models guess. Rules that overlap become one finding, named by the worse; so do guesses. Where the
two meet, the rule keeps its place and the guess what is left of its own. An address takes in the numbers in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from weighlock.model import Level

_WHOLES = frozenset({"STREET_ADDRESS"})
"""Entities with parts that look like something else by themselves."""
_end = attrgetter("end")


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
    guess: bool = False
    """A model's, not a rule's."""
    strict: bool = False
    """Whether more than its shape speaks for it: a checksum, or a word that only such values have."""
    view: str = "raw"
    value: str = field(default="", repr=False)
    """What the view shows there; empty where the text itself does."""

    @property
    def rank(self) -> tuple[int, float, int]:
        return (self.level, self.score, self.end - self.start)


def counted(hits: Iterable[Hit], thresholds: Mapping[str, float]) -> Iterator[Hit]:
    """Those of *hits* with the least score that their entity asks for. The others must not take a place from them."""
    return (hit for hit in hits if hit.score >= thresholds.get(hit.entity, 0.0))


def resolve(hits: Iterable[Hit]) -> list[Hit]:
    """Sorted, none overlapping another; every place that was hit is covered."""
    hits = list(hits)
    guesses = _united(hit for hit in hits if hit.guess)
    rules = [rule for rule in _united(hit for hit in hits if not hit.guess) if not _in_a_whole(rule, guesses)]
    return sorted([*rules, *_beside(guesses, rules)], key=lambda hit: hit.start)


def _united(hits: Iterable[Hit]) -> list[Hit]:
    """Those that overlap are one, which covers them all."""
    united: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.end)):
        if united and hit.start < united[-1].end:
            last = united[-1]
            worse = hit if hit.rank > last.rank else last
            tags = tuple(sorted({*hit.tags, *last.tags}))
            united[-1] = replace(worse, start=last.start, end=max(last.end, hit.end), tags=tags)
        else:
            united.append(hit)
    return united


def _in_a_whole(rule: Hit, guesses: Sequence[Hit]) -> bool:
    return any(
        guess.entity in _WHOLES and guess.level >= rule.level and guess.start <= rule.start and rule.end <= guess.end
        for guess in _meeting(guesses, rule)
    )


def _beside(guesses: Sequence[Hit], rules: Sequence[Hit]) -> Iterator[Hit]:
    """What *rules* leave of *guesses*; each is sorted, and nothing in it overlaps."""
    for guess in guesses:
        start = guess.start
        for rule in _meeting(rules, guess):
            if start < rule.start:
                yield replace(guess, start=start, end=rule.start)
            start = rule.end
        if start < guess.end:
            yield replace(guess, start=start)


def _meeting(hits: Sequence[Hit], other: Hit) -> Iterator[Hit]:
    """Those of *hits*, which are sorted and do not overlap, that overlap *other*."""
    for at in range(bisect_right(hits, other.start, key=_end), len(hits)):
        if hits[at].start >= other.end:
            return
        yield hits[at]
