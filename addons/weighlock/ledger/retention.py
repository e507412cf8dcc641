"""How long payloads and segments are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from weighlock.ledger.entry import timestamp
from weighlock.ledger.erasure import Kept

Rule = tuple[str, str, int]
"""What it is about (`workload`, `statement`, `verdict`, `entries`; empty for all the rest), its name, and seconds."""
ENTRIES = "entries"


def keeps(rules: Sequence[Rule], kept: Kept) -> int | None:
    """Seconds that the payloads of *kept* are kept after its last entry, by the first rule that speaks of it; no longer
    than entries are. None for ever.
    """
    fallback = entries = entries_for(rules)
    for about, name, seconds in rules:
        if not about:
            fallback = seconds
        elif (
            (about == "workload" and name == kept.workload)
            or (about == "statement" and name in kept.statements)
            or (about == "verdict" and name == kept.outcome)
        ):
            fallback = seconds
            break
    return fallback if fallback is None or entries is None else min(fallback, entries)


def entries_for(rules: Sequence[Rule]) -> int | None:
    """Seconds that entries are kept; None for ever."""
    return next((seconds for about, _, seconds in rules if about == ENTRIES), None)


def expired(exchanges: Iterable[Kept], rules: Sequence[Rule], now: float) -> Iterator[Kept]:
    """Those that are kept no longer at *now*, in Unix seconds."""
    for kept in exchanges:
        seconds = keeps(rules, kept)
        if seconds is not None and kept.last < _before(now, seconds):
            yield kept


def removable(segments: Iterable[tuple[int, str]], stay: Iterable[Kept], rules: Sequence[Rule], now: float) -> int:
    """The first entry of the segment before which all others can be removed; 0 where none can.

    *segments* are the first entry of each and its time, *stay* the exchanges whose payloads are not erased.
    """
    seconds = entries_for(rules)
    if seconds is None:
        return 0
    oldest = min((kept.first for kept in stay), default=None)
    return max(
        (first for first, closed in segments if closed < _before(now, seconds) and (oldest is None or first <= oldest)),
        default=0,
    )


def _before(now: float, seconds: int) -> str:
    return timestamp(max(0.0, now - seconds))
