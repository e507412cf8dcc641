"""What monitoring reads: everything that the ledger was given, counted, and whether the rules on disk are in force.

In the text format of Prometheus. No label holds a word that a client or a rule's author chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from weighlock.ledger.entry import Kind

_RULES = {"rules-loaded": 1, "rules-rejected": 0}
_ANCHORS = {"anchors-in-time": 1, "anchors-late": 0}


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._entries = Counter(
            "weighlock_entries",
            "Entries of the ledger, by kind, and by what they say: a verdict's action, a refusal's code, an event.",
            ["kind", "said"],
            registry=self._registry,
        )
        self._rules = Gauge(
            "weighlock_rules_good",
            "1 while the rules on disk are in force; 0 while they are refused, and the last good ones stay.",
            registry=self._registry,
        )
        self._rules.set(1)
        self._anchors = Gauge(
            "weighlock_anchors_in_time",
            "1 while as many anchors as are needed keep the record in time, or none is; 0 while they are late.",
            registry=self._registry,
        )
        self._anchors.set(1)

    def count(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Of an entry that is durable."""
        said = _said(body)
        self._entries.labels(kind.value, said).inc()
        if said in _RULES:
            self._rules.set(_RULES[said])
        if said in _ANCHORS:
            self._anchors.set(_ANCHORS[said])

    def text(self) -> bytes:
        return generate_latest(self._registry)


def _said(body: Mapping[str, Any]) -> str:
    if refused := body.get("refused"):
        return str(refused["code"])
    if approval := body.get("approval"):
        return str(approval["state"])
    return str(body.get("verdict", {}).get("action", body.get("event", "")))
