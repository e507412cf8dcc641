"""What tells how much of a stream may leave early, made beside the work when the rules are new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from weighlock.detection.early import Early
from weighlock.detection.rules import RuleSet


class EarlyRelease:
    """For the rules that were asked for last."""

    def __init__(self) -> None:
        self._made: tuple[str, Early] | None = None
        self._making = ""

    def of(self, rules: RuleSet, spoken: bool) -> Callable[[str], int] | None:
        """None while it is not ready, which takes a second: then a stream waits for whole segments.

        *spoken*: whether addresses in words make a difference.
        """
        if self._made and self._made[0] == rules.digest:
            return partial(self._made[1].safe, spoken=spoken)
        if self._making != rules.digest:
            self._making = rules.digest
            threading.Thread(target=self._make, args=[rules], name="early", daemon=True).start()
        return None

    def _make(self, rules: RuleSet) -> None:
        self._made = rules.digest, Early(rules.rules)
