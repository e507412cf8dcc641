from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.ledger.entry import timestamp
from weighlock.ledger.erasure import Kept
from weighlock.ledger.retention import Rule, expired, keeps

RULES: tuple[Rule, ...] = (
    ("", "", 100),
    ("workload", "nightly", 10),
    ("statement", "bulk", 1000),
    ("verdict", "refused", 5),
)


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        (Kept(workload="nightly", statements={"bulk"}), 10),
        (Kept(workload="weekly", statements={"bulk"}), 1000),
        (Kept(workload="weekly", outcome="refused"), 5),
        (Kept(workload="weekly"), 100),
    ],
    ids=["workload", "statement", "verdict", "the rest"],
)
def test_the_first_rule_that_speaks_of_it_decides(kept: Kept, seconds: int) -> None:
    assert keeps(RULES, kept) == seconds


def test_without_an_age_for_the_rest_it_is_kept_for_ever() -> None:
    assert keeps(RULES[1:], Kept(workload="weekly")) is None


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(0, 20_000))
def test_what_is_older_expires_and_nothing_else(last: int, seconds: int, now: int) -> None:
    kept = Kept([1], last=timestamp(last))

    assert list(expired([kept], [("", "", seconds)], now)) == ([kept] if last < now - seconds else [])
