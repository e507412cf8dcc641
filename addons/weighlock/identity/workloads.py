"""rules/identity/workloads.yaml: which pipeline a token is of, who answers for it, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighlock.errors import Forbidden
from weighlock.rulefile import Node

_REGISTER = "Its owner registers it in rules/identity/workloads.yaml."


@dataclass(frozen=True, slots=True)
class Workload:
    """A pipeline or service. All of *claims* must equal: immutable ids of its platform, never patterns over names."""

    id: str
    owner: str
    issuer: str
    claims: Mapping[str, str] = field(default_factory=dict)
    ends: datetime.date | None = None
    """The last day on which it may call, in UTC."""


def parse(node: Node) -> tuple[Workload, ...]:
    workloads: dict[str, Workload] = {}
    for item in node.mapping(required=["workloads"])["workloads"].sequence():
        members = item.mapping(required=["id", "owner", "issuer", "claims"], optional=["ends"])
        claims = {name: value.text() for name, value in members["claims"].members()}
        if not claims:
            raise members["claims"].error("name at least one claim, or every token of the issuer would match")
        workload = Workload(
            id=members["id"].text(r"[a-z0-9][a-z0-9-]{0,63}", "an id of lower-case words and hyphens"),
            owner=members["owner"].text(),
            issuer=members["issuer"].text(),
            claims=claims,
            ends=members["ends"].read(datetime.date.fromisoformat, "a date such as 2027-01-31")
            if "ends" in members
            else None,
        )
        if workload.id in workloads:
            raise members["id"].error(f"a workload {workload.id!r} exists already")
        workloads[workload.id] = workload
    return tuple(workloads.values())


def match(workloads: Sequence[Workload], issuer: str, claims: Mapping[str, Any], today: datetime.date) -> Workload:
    """The one workload that these verified claims are of. Forbidden for none, for two, and after its end."""
    found = [w for w in workloads if w.issuer == issuer and all(_text(claims.get(n)) == v for n, v in w.claims.items())]
    if not found:
        raise Forbidden("workload-unknown", "This token is of no registered workload.", next_step=_REGISTER)
    if len(found) > 1:
        raise Forbidden("workload-ambiguous", "This token matches two registered workloads.", next_step=_REGISTER)
    workload = found[0]
    if workload.ends is not None and today > workload.ends:
        raise Forbidden(
            "workload-ended", f"Workload {workload.id!r} ended on {workload.ends}.", next_step="Its owner extends it."
        )
    return workload


def _text(value: Any) -> str | None:
    """Claims are compared as text: platforms write ids now as numbers, now as strings."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
