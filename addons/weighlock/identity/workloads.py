"""rules/identity/workloads.yaml: which pipeline a token is of, who answers for it, until when, where it may call."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighlock.claims import text
from weighlock.errors import Forbidden
from weighlock.identity import people as persons
from weighlock.identity.people import Person
from weighlock.rulefile import Node

JOB = 3600.0
LONGEST_JOB = 6 * 3600.0
"""Seconds. No hosted runner of GitHub works longer on one job."""

_REGISTER = "Its owner registers it in rules/identity/workloads.yaml."


@dataclass(frozen=True, slots=True)
class Workload:
    """A pipeline or service. All of *claims* must equal: immutable ids of its platform, never patterns over names."""

    id: str
    owner: Person
    issuer: str
    claims: Mapping[str, str] = field(default_factory=dict)
    ends: datetime.date | None = None
    """The last day on which it may call, in UTC."""
    review: datetime.date | None = None
    """The last day, in UTC, before its owner has to look at it again; after it, it may not call."""
    destinations: frozenset[str] = frozenset()
    """Names; empty for all that are listed."""
    models: frozenset[str] = frozenset()
    """Empty for any."""
    job: float = JOB
    """Seconds for which a session of it may live."""


def parse(node: Node, people: Sequence[Person]) -> tuple[Workload, ...]:
    """Raises ConfigError, also for an owner who is none of *people*."""
    workloads: dict[str, Workload] = {}
    for item in node.mapping(required=["workloads"])["workloads"].sequence():
        workload = _workload(item, people)
        if workload.id in workloads:
            raise item.error(f"a workload {workload.id!r} exists already")
        workloads[workload.id] = workload
    return tuple(workloads.values())


def _workload(item: Node, people: Sequence[Person]) -> Workload:
    members = item.mapping(
        required=["id", "owner", "issuer", "claims"], optional=["ends", "review", "destinations", "models", "job"]
    )
    claims = {name: value.text() for name, value in members["claims"].members()}
    if not claims:
        raise members["claims"].error("name at least one claim, or every token of the issuer would match")
    if "ends" not in members and "review" not in members:
        raise item.error("give the day on which it `ends`, or the day of its next `review`")
    owner = persons.find(people, members["owner"].text())
    if owner is None:
        raise members["owner"].error("this owner is nobody in identity/people.yaml")
    return Workload(
        id=members["id"].text(r"[a-z0-9][a-z0-9-]{0,63}", "an id of lower-case words and hyphens"),
        owner=owner,
        issuer=members["issuer"].text(),
        claims=claims,
        ends=_date(members.get("ends")),
        review=_date(members.get("review")),
        destinations=frozenset(_names(members.get("destinations"))),
        models=frozenset(_names(members.get("models"))),
        job=60.0 * members["job"].integer(1, int(LONGEST_JOB) // 60) if "job" in members else JOB,
    )


def _date(node: Node | None) -> datetime.date | None:
    return node.read(datetime.date.fromisoformat, "a date such as 2027-01-31") if node else None


def _names(node: Node | None) -> tuple[str, ...]:
    names = node.strings() if node else ()
    if node and not names:
        raise node.error("an empty list would allow all; leave it out for that")
    return names


def match(workloads: Sequence[Workload], issuer: str, claims: Mapping[str, Any]) -> Workload:
    """The one workload that these verified claims are of; Forbidden for none, and for two."""
    found = [w for w in workloads if w.issuer == issuer and all(text(claims, n) == v for n, v in w.claims.items())]
    if not found:
        raise Forbidden("workload-unknown", "This token is of no registered workload.", next_step=_REGISTER)
    if len(found) > 1:
        raise Forbidden("workload-ambiguous", "This token matches two registered workloads.", next_step=_REGISTER)
    return found[0]


def check(workload: Workload, today: datetime.date) -> None:
    """Raises Forbidden where nobody answers for the workload any more: its owner left, or its day has passed."""
    if workload.owner.gone(today):
        raise Forbidden(
            "workload-orphaned",
            f"The owner of workload {workload.id!r} has departed.",
            next_step="Who takes it over becomes its owner in rules/identity/workloads.yaml.",
        )
    if workload.ends is not None and today > workload.ends:
        raise Forbidden(
            "workload-ended", f"Workload {workload.id!r} ended on {workload.ends}.", next_step="Its owner extends it."
        )
    if workload.review is not None and today > workload.review:
        raise Forbidden(
            "workload-unreviewed",
            f"The review of workload {workload.id!r} was due on {workload.review}.",
            next_step="Its owner reviews it and sets the next day in rules/identity/workloads.yaml.",
        )


def check_destination(workload: Workload, destination: str) -> None:
    if workload.destinations and destination not in workload.destinations:
        raise Forbidden(
            "workload-destination", f"Workload {workload.id!r} may not call this destination.", next_step=_REGISTER
        )


def check_model(workload: Workload, model: str) -> None:
    """*model* is empty for a call that names none."""
    if workload.models and model not in workload.models:
        raise Forbidden("workload-model", f"Workload {workload.id!r} may not use this model.", next_step=_REGISTER)
