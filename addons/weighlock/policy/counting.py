"""`over`: what a workload, a principal or a session may have sent and got within a time, before a statement applies.

What is counted: `requests`, `bytes` of bodies and `tokens` of texts, and `distinct NAME`: different values of an entity
or a tag, told apart by the keyed fingerprints of findings. Both directions count together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from weighlock.model import ENTITY, ID, Finding, Principal
from weighlock.policy.condition import Unevaluable
from weighlock.rulefile import Node

MINUTE, HOUR, DAY = 60, 3600, 86400
LONGEST = 31 * DAY
MOST = 10_000
"""Of different values, what a statement may set as its limit: beyond it they are not told apart."""
SUMS = ("requests", "bytes", "tokens")
WINDOW = r"([1-9][0-9]{0,4})(m|h|d)"
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
_HIGHEST = 1 << 50

Counts = Mapping[str, Mapping[str, int]]
"""By `Over.window`, how much there was of each thing that is asked for, what is being judged included."""


class Scope(StrEnum):
    WORKLOAD = "workload"
    PRINCIPAL = "principal"
    """One subject of one issuer."""
    SESSION = "session"
    """What `weighlock login` opened; where nothing did, all that one token is shown for."""

    def key(self, principal: Principal) -> str:
        match self:
            case Scope.WORKLOAD:
                return principal.workload
            case Scope.PRINCIPAL:
                return f"{principal.issuer} {principal.subject}"
            case _:
                return principal.session or principal.token_id


@dataclass(frozen=True, slots=True)
class Over:
    """Holds where one of *limits* is exceeded: equal is not over. *within* is in seconds."""

    of: Scope
    within: int
    limits: Mapping[str, int]
    window: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", f"{self.of} {spelled(self.within)}")

    @property
    def names(self) -> frozenset[str]:
        """The entities and tags of which different values are asked for."""
        return frozenset(named(measure) for measure in self.limits if measure not in SUMS)

    def asks_about(self, finding: Finding) -> bool:
        return not self.names.isdisjoint({finding.entity, *finding.tags})

    def exceeded(self, counts: Counts | None) -> bool:
        """Raises Unevaluable where one of its measures was not counted."""
        held = (counts or {}).get(self.window, {})
        try:
            return max(held[measure] - limit for measure, limit in self.limits.items()) > 0
        except KeyError:
            raise Unevaluable("not counted") from None

    def said(self, counts: Counts | None) -> str:
        """In words, with the values: of the limits that are exceeded, else of all."""
        held = (counts or {}).get(self.window, {})
        if not self.limits.keys() <= held.keys():
            return f"what the {self.of} did within {spelled(self.within)} is not known"
        beyond = {measure: limit for measure, limit in self.limits.items() if held[measure] > limit}
        told = (f"{held[measure]} {measure} (limit {limit})" for measure, limit in (beyond or self.limits).items())
        return f"{', '.join(told)} of the {self.of} within {spelled(self.within)}"

    def covers(self, other: Over | None) -> bool:
        """Whether this holds wherever *other* does. In doubt, no."""
        return (
            other is not None
            and self.window == other.window
            and all(self.limits.get(measure, _HIGHEST) <= limit for measure, limit in other.limits.items())
        )


def distinct(name: str) -> str:
    """The measure of different values of the entity or tag *name*."""
    return f"distinct {name}"


def named(measure: str) -> str:
    """The entity or tag that a measure of different values is about."""
    return measure.removeprefix("distinct ")


def read(node: Node) -> Over:
    members = node.mapping(required=["of", "within"], optional=[*SUMS, "distinct"])
    within = members["within"].read(window, "a time such as 24h, from 1m to 31d")
    limits = {name: members[name].integer(0, _HIGHEST) for name in SUMS if name in members}
    if "distinct" in members:
        named = list(members["distinct"].members())
        for name, limit in named:
            if not re.fullmatch(f"{ENTITY}|{ID}", name):
                raise limit.error(f"{name!r} is no entity such as EMAIL_ADDRESS, and no tag")
            limits[distinct(name)] = limit.integer(0, MOST)
        if not named:
            raise members["distinct"].error("name an entity or a tag, and how many different values it may have")
    if not limits:
        raise node.error(f"`over` needs a limit: {', '.join(SUMS)} or distinct")
    return Over(Scope(members["of"].choice([scope.value for scope in Scope])), within, limits)


def window(text: str) -> int:
    """Seconds. Raises ValueError."""
    match = re.fullmatch(WINDOW, text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not MINUTE <= seconds <= LONGEST:
        raise ValueError(text)
    return seconds


def spelled(within: int) -> str:
    """One spelling of each time."""
    if within % HOUR:
        return f"{within // MINUTE}m"
    return f"{within // DAY}d" if within % DAY == 0 and within > DAY else f"{within // HOUR}h"
