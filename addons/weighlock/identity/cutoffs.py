"""Cut-offs: a person, workload or token that is refused from now on, however valid its tokens are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from weighlock.errors import Forbidden
from weighlock.model import Principal

PSEUDO_CLAIMS = ("workload", "owner", "token")


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Matches a principal whose *claim* equals *value*: any claim of the token, or `workload`, `owner`, `token`.

    Times are Unix seconds. With *before*, only tokens issued before then are cut off.
    """

    id: int
    claim: str
    value: str
    reason: str
    by: str
    added_at: float
    issuer: str = ""
    """Empty for any issuer."""
    before: float | None = None


def check(cutoffs: Iterable[Cutoff], principal: Principal) -> None:
    """Raise Forbidden when one of *cutoffs* is of *principal*."""
    for cutoff in cutoffs:
        if _hits(cutoff, principal):
            raise Forbidden(
                "cut-off",
                "This identity was cut off.",
                next_step=f"Cut-off {cutoff.id} says why; `weighlock cutoffs list` shows it to the gateway's operator.",
            )


def _hits(cutoff: Cutoff, principal: Principal) -> bool:
    if cutoff.issuer and cutoff.issuer != principal.issuer:
        return False
    if cutoff.before is not None and float(principal.claims.get("iat", 0)) >= cutoff.before:
        return False
    own: dict[str, Any] = {
        "workload": principal.workload,
        "owner": principal.owner,
        "token": principal.token_id,
    }
    held = own.get(cutoff.claim, principal.claims.get(cutoff.claim))
    values = held if isinstance(held, list) else [held]
    return any(isinstance(value, str | int) and str(value).casefold() == cutoff.value.casefold() for value in values)
