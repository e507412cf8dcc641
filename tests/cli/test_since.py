from __future__ import annotations

import time

import click
import pytest

from weighlock.cli.since import Since
from weighlock.ledger.entry import timestamp


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("90m", 5400), ("24h", 86400), ("7d", 604800)])
def test_a_duration_is_counted_back_from_now(monkeypatch: pytest.MonkeyPatch, text: str, seconds: int) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_767_268_800.0)

    assert Since().convert(text, None, None) == timestamp(1_767_268_800.0 - seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T08:00", "2026-01-31T08:00:00.000Z"),
        ("2026-01-31T08:00:00.5Z", "2026-01-31T08:00:00.500Z"),
        ("2026-01-31T08:00+02:00", "2026-01-31T06:00:00.000Z"),
    ],
)
def test_a_time_without_zone_is_utc(text: str, moment: str) -> None:
    assert Since().convert(text, None, None) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7w", "2026-13-01", "999999d", "0001-01-01T00:00+14:00"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Since().convert(text, None, None)
