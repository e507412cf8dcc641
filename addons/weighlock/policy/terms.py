"""On which terms what a statement holds is lifted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from weighlock.holds import DECIDE, USE, Quorum, Terms, Threshold, Way
from weighlock.rulefile import Node

MEMBERS = ("approvers", "within", "use_within", "held", "needs_reason", "break_glass")
DURATION = r"([1-9][0-9]{0,5})(s|m|h)"
PEOPLE = 9
"""Most whom a threshold may ask for."""


def read(node: Node, members: Mapping[str, Node], *, hold: bool) -> Terms | None:
    """Those that stand in *members* of *node*. ConfigError where they do not go with what it does."""
    given = [name for name in MEMBERS if name in members]
    if not hold:
        if given:
            raise members[given[0]].error(f"only `hold` takes `{given[0]}`")
        return None
    if "approvers" not in members:
        raise node.error("`hold` needs `approvers`, or nobody could ever lift it")
    return Terms(
        quorums=(_quorum(members["approvers"]),),
        within=_seconds(members.get("within"), DECIDE),
        use_within=_seconds(members.get("use_within"), USE),
        way=Way(members["held"].choice([way.value for way in Way])) if "held" in members else Way.WAIT,
        needs_reason=members["needs_reason"].boolean() if "needs_reason" in members else False,
        break_glass=_groups(members["break_glass"]) if "break_glass" in members else frozenset(),
    )


def combined(asked: Sequence[Terms]) -> Terms:
    """What satisfies each of *asked*: all quorums, the shortest times, and only those who may break every glass."""
    return Terms(
        quorums=tuple(sorted({quorum for terms in asked for quorum in terms.quorums}, key=_spelled)),
        within=min((terms.within for terms in asked), default=DECIDE),
        use_within=min((terms.use_within for terms in asked), default=USE),
        way=Way.SOFT if asked and all(terms.way is Way.SOFT for terms in asked) else Way.WAIT,
        needs_reason=any(terms.needs_reason for terms in asked),
        break_glass=frozenset.intersection(*(terms.break_glass for terms in asked)) if asked else frozenset(),
    )


def duration(text: str) -> float:
    match = re.fullmatch(DURATION, text)
    if not match:
        raise ValueError(text)
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _seconds(node: Node | None, otherwise: float) -> float:
    return node.read(duration, "a duration such as 15m") if node else otherwise


def _quorum(node: Node) -> Quorum:
    """One threshold, or a list of them."""
    if node.is_mapping:
        return (_threshold(node),)
    thresholds = tuple(_threshold(item) for item in node.sequence())
    if not thresholds:
        raise node.error("an empty list is nobody")
    return thresholds


def _spelled(quorum: Quorum) -> list[tuple[list[str], int]]:
    return [(sorted(threshold.groups), threshold.need) for threshold in quorum]


def _threshold(node: Node) -> Threshold:
    members = node.mapping(required=["groups"], optional=["need"])
    return Threshold(_groups(members["groups"]), members["need"].integer(1, PEOPLE) if "need" in members else 1)


def _groups(node: Node) -> frozenset[str]:
    groups = frozenset(node.strings())
    if not groups:
        raise node.error("an empty list is nobody")
    return groups
