from __future__ import annotations

from weighlock.adapters.metrics import Metrics
from weighlock.ledger.entry import Kind


def test_entries_are_counted_by_kind_and_by_what_they_say() -> None:
    metrics = Metrics()
    for kind, body in (
        (Kind.REQUEST, {"verdict": {"action": "mask"}}),
        (Kind.REQUEST, {"verdict": {"action": "mask"}}),
        (Kind.RESPONSE, {"verdict": {"action": "allow"}, "refused": {"code": "client-gone"}}),
        (Kind.APPROVAL, {"approval": {"state": "pending"}, "verdict": {"action": "hold"}}),
        (Kind.START, {"event": "start"}),
    ):
        metrics.count(kind, body)

    lines = metrics.text().decode().splitlines()
    assert {
        'weighlock_entries_total{kind="request",said="mask"} 2.0',
        'weighlock_entries_total{kind="response",said="client-gone"} 1.0',
        'weighlock_entries_total{kind="approval",said="pending"} 1.0',
        'weighlock_entries_total{kind="start",said="start"} 1.0',
    } <= set(lines)


def test_bad_rules_show_until_they_are_good_again() -> None:
    metrics = Metrics()
    seen = []
    for event in ("rules-loaded", "rules-rejected", "cut-offs-changed", "rules-loaded"):
        metrics.count(Kind.CONTROL, {"event": event})
        seen += [line[-3:] for line in metrics.text().decode().splitlines() if line.startswith("weighlock_rules_good ")]

    assert seen == ["1.0", "0.0", "0.0", "1.0"]


def test_late_anchors_show_until_they_are_in_time_again() -> None:
    metrics = Metrics()
    seen = []
    for event in ("start", "anchors-late", "anchors-in-time"):
        metrics.count(Kind.CONTROL, {"event": event})
        lines = metrics.text().decode().splitlines()
        seen += [line[-3:] for line in lines if line.startswith("weighlock_anchors_in_time ")]

    assert seen == ["1.0", "0.0", "1.0"]
