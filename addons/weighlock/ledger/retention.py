"""How long payloads are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from weighlock.ledger.entry import timestamp
from weighlock.ledger.erasure import Kept

Rule = tuple[str, str, int]
"""What it is about (`workload`, `statement`, `verdict`, or empty for all the rest), its name, and seconds."""


def keeps(rules: Sequence[Rule], kept: Kept) -> int | None:
    """Seconds that *kept* is kept after its last entry: by the first rule that speaks of it; None for ever."""
    fallback = None
    for about, name, seconds in rules:
        if not about:
            fallback = seconds
        elif (
            (about == "workload" and name == kept.workload)
            or (about == "statement" and name in kept.statements)
            or (about == "verdict" and name == kept.outcome)
        ):
            return seconds
    return fallback


def expired(exchanges: Iterable[Kept], rules: Sequence[Rule], now: float) -> Iterator[Kept]:
    """Those that are kept no longer at *now*, in Unix seconds."""
    for kept in exchanges:
        seconds = keeps(rules, kept)
        if seconds is not None and kept.last < timestamp(max(0.0, now - seconds)):
            yield kept
