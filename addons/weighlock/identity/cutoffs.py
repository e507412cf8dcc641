"""Cut-offs: a person, workload or token that is refused from now on, however valid its tokens are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from weighlock.errors import Forbidden
from weighlock.identity.claims import value
from weighlock.model import Principal

PSEUDO_CLAIMS = ("person", "workload", "session", "token", "key")


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Matches a principal whose *claim* equals *value*: any claim of the token, or one of PSEUDO_CLAIMS.

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
            raise _refusal(cutoff, "This identity was cut off.")


def check_key(cutoffs: Iterable[Cutoff], fingerprint: str) -> None:
    """Raise Forbidden when the static key with this *fingerprint* was cut off. It would not have passed in any case."""
    for cutoff in cutoffs:
        if (cutoff.claim, cutoff.value.casefold()) == ("key", fingerprint):
            raise _refusal(cutoff, "This key was cut off.")


def _refusal(cutoff: Cutoff, reason: str) -> Forbidden:
    told = f"Cut-off {cutoff.id} says why; `weighlock cutoffs list` shows it to the gateway's operator."
    return Forbidden("cut-off", reason, next_step=told)


def _hits(cutoff: Cutoff, principal: Principal) -> bool:
    if cutoff.issuer and cutoff.issuer != principal.issuer:
        return False
    if cutoff.before is not None and float(principal.claims.get("iat", 0)) >= cutoff.before:
        return False
    own: dict[str, Any] = {
        "person": list(principal.persons),
        "workload": principal.workload,
        "session": principal.session,
        "token": principal.token_id,
        "key": None,
    }
    held = own[cutoff.claim] if cutoff.claim in own else value(principal.claims, cutoff.claim)
    values = held if isinstance(held, list) else [held]
    return any(isinstance(one, str | int) and str(one).casefold() == cutoff.value.casefold() for one in values)
