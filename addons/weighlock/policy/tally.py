"""Counting over windows of time: what one message adds, and what was added. No clock here: times are arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter, lt

from weighlock.model import Finding, Text
from weighlock.policy.counting import DAY, HOUR, MINUTE, MOST, SUMS, Counts, Over, Scope, named

_TOKEN = 3
"""Bytes of text (UTF-8) that count as one token: of prose it is four and more, of digits three."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What one judged message adds. *values*: by entity and by tag, fingerprints."""

    requests: int = 0
    bytes: int = 0
    tokens: int = 0
    values: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def __add__(self, other: Amount) -> Amount:
        values = {
            name: self.values.get(name, frozenset()) | other.values.get(name, frozenset())
            for name in self.values.keys() | other.values.keys()
        }
        return Amount(self.requests + other.requests, self.bytes + other.bytes, self.tokens + other.tokens, values)


def amount(texts: Iterable[Text], findings: Iterable[Finding], *, size: int, requests: int = 0) -> Amount:
    """Of a message of *size* bytes. How many tokens a model makes of the texts nobody knows before: it is estimated."""
    values: dict[str, set[str]] = {}
    for finding in findings:
        for name in (finding.entity, *finding.tags):
            values.setdefault(name, set()).add(finding.fingerprint)
    tokens = sum(-(-len(text.value.encode("utf-8", "surrogatepass")) // _TOKEN) for text in texts)
    return Amount(requests, size, tokens, {name: frozenset(held) for name, held in values.items()})


Asked = Mapping[tuple[Scope, int], frozenset[str]]
"""By scope and window, the measures that statements ask for."""


def asked(overs: Iterable[Over]) -> Asked:
    measures: dict[tuple[Scope, int], frozenset[str]] = {}
    for over in overs:
        place = (over.of, over.within)
        measures[place] = measures.get(place, frozenset()) | over.limits.keys()
    return measures


def names(asks: Asked, scope: Scope) -> frozenset[str]:
    """The entities and tags whose values are to be told apart in *scope*."""
    return frozenset().union(
        *(Over(of, within, dict.fromkeys(measures, 0)).names for (of, within), measures in asks.items() if of is scope)
    )


def counts(
    asks: Asked, tallies: Mapping[Scope, Tally], pending: Mapping[Scope, Sequence[Amount]], now: float
) -> Counts:
    """All that *asks* want to know; *pending* is under way, and in no tally yet."""
    return {
        Over(scope, within, {}).window: tallies[scope].count(within, measures, pending[scope], now)
        for (scope, within), measures in asks.items()
    }


@dataclass(slots=True)
class Tally:
    """What was counted of one workload, principal or session. Times are Unix seconds.

    A window is counted from the beginning of the minute in which it begins, and of the hour where it is over a day:
    never too little. Different values are counted exactly, up to *most* and one more; over that, those that were seen
    last are known, so that no window that has more than *most* of them seems to have less.
    """

    most: int = MOST
    sums: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    """By width and beginning of a bucket: requests, bytes, tokens."""
    seen: dict[str, dict[str, float]] = field(default_factory=dict)
    """By entity or tag: fingerprints, and when each was seen last; in that order."""

    def add(self, amount: Amount, names: Iterable[str], now: float) -> tuple[bool, list[tuple[str, str]]]:
        """Whether one of the values of *names* is new; and those, by name, that had to make room."""
        for width in (MINUTE, HOUR):
            place = (width, int(now // width) * width)
            requests, size, tokens = self.sums.get(place, (0, 0, 0))
            self.sums[place] = (requests + amount.requests, size + amount.bytes, tokens + amount.tokens)
        new, gone = False, []
        for name in names:
            seen = self.seen.setdefault(name, {})
            for value in amount.values.get(name, ()):
                new |= seen.pop(value, None) is None
                seen[value] = now
            while len(seen) > self.most + 1:
                oldest = next(iter(seen))
                del seen[oldest]
                gone.append((name, oldest))
        return new, gone

    def count(self, within: int, measures: Iterable[str], pending: Sequence[Amount], now: float) -> dict[str, int]:
        since, width = now - within, MINUTE if within <= DAY else HOUR
        held = [sums for (wide, start), sums in self.sums.items() if wide == width and start + width > since]
        held += [(amount.requests, amount.bytes, amount.tokens) for amount in pending]
        return {
            measure: sum(map(itemgetter(SUMS.index(measure)), held))
            if measure in SUMS
            else self._distinct(named(measure), since, pending)
            for measure in measures
        }

    def _distinct(self, name: str, since: float, pending: Sequence[Amount]) -> int:
        seen = self.seen.get(name, {})
        recent: int = sum(map(partial(lt, since), seen.values()))
        new = {value for amount in pending for value in amount.values.get(name, ()) if seen.get(value, since) <= since}
        return recent + len(new)

    def prune(self, before: float, now: float) -> None:
        """Forget what is older than any window that is asked for."""
        self.sums = {
            (width, start): sums
            for (width, start), sums in self.sums.items()
            if start + width > (max(before, now - DAY) if width == MINUTE else before)
        }
        for name, seen in list(self.seen.items()):
            self.seen[name] = {value: at for value, at in seen.items() if at > before}
            if not self.seen[name]:
                del self.seen[name]

    @property
    def size(self) -> int:
        return 1 + len(self.sums) + sum(map(len, self.seen.values()))
