from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.ledger.entry import timestamp
from weighlock.ledger.erasure import Kept
from weighlock.ledger.retention import Rule, expired, keeps, removable

RULES: tuple[Rule, ...] = (
    ("", "", 100),
    ("workload", "nightly", 10),
    ("statement", "bulk", 1000),
    ("verdict", "refused", 5),
)


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        (Kept(0, workload="nightly", statements={"bulk"}), 10),
        (Kept(0, workload="weekly", statements={"bulk"}), 1000),
        (Kept(0, workload="weekly", outcome="refused"), 5),
        (Kept(0, workload="weekly"), 100),
    ],
    ids=["workload", "statement", "verdict", "the rest"],
)
def test_the_first_rule_that_speaks_of_it_decides(kept: Kept, seconds: int) -> None:
    assert keeps(RULES, kept) == seconds


def test_without_an_age_for_the_rest_it_is_kept_for_ever() -> None:
    assert keeps(RULES[1:], Kept(0, workload="weekly")) is None


@pytest.mark.parametrize(
    ("rules", "seconds"), [((("", "", 100), ("entries", "", 50)), 50), ((("entries", "", 50),), 50)]
)
def test_payloads_are_kept_no_longer_than_their_entries(rules: tuple[Rule, ...], seconds: int) -> None:
    assert keeps(rules, Kept(0, workload="weekly")) == seconds


@pytest.mark.parametrize(
    ("stay", "first"),
    [((), 20), ((25,), 20), ((20, 30), 20), ((19,), 10), ((9,), 0)],
    ids=["nothing", "behind it", "where it begins", "in the second", "in the first"],
)
def test_old_segments_are_removable_up_to_what_must_stay(stay: tuple[int, ...], first: int) -> None:
    segments = [(10, timestamp(100)), (20, timestamp(200)), (30, timestamp(300))]

    assert removable(segments, map(Kept, stay), [("entries", "", 50)], now=260) == first
    assert removable(segments, map(Kept, stay), [("", "", 50)], now=260) == 0


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 20_000))
def test_what_is_older_expires_and_nothing_else(last: int, seconds: int, now: int) -> None:
    kept = Kept(0, [1], last=timestamp(last))

    assert list(expired([kept], [("", "", seconds)], now)) == ([kept] if last < now - seconds else [])
