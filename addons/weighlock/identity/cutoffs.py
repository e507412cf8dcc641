"""Cut-offs: a person, workload or token that is refused from now on, however valid its tokens are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from weighlock.claims import value
from weighlock.errors import Forbidden
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


class Cutoffs:
    """Those in force, by what they match: however many there are, a look at them costs the same."""

    def __init__(self, listed: Iterable[Cutoff] = ()) -> None:
        self._by: dict[tuple[str, str], list[Cutoff]] = {}
        for cutoff in listed:
            self._by.setdefault((cutoff.claim, cutoff.value.casefold()), []).append(cutoff)
        self._claims = frozenset(claim for claim, _ in self._by)

    def __len__(self) -> int:
        return sum(map(len, self._by.values()))

    def check(self, principal: Principal) -> None:
        """Raise Forbidden when one of them is of *principal*."""
        for claim in self._claims:
            for text in _held(claim, principal):
                for cutoff in self._by.get((claim, text), ()):
                    if _counts(cutoff, principal):
                        raise _refusal(cutoff, "This identity was cut off.")

    def check_key(self, fingerprint: str) -> None:
        """Raise Forbidden when the static key with this *fingerprint* was cut off. It would not have passed anyway."""
        for cutoff in self._by.get(("key", fingerprint), ()):
            raise _refusal(cutoff, "This key was cut off.")


def _held(claim: str, principal: Principal) -> Iterator[str]:
    own: dict[str, Any] = {
        "person": list(principal.persons),
        "workload": principal.workload,
        "session": principal.session,
        "token": principal.token_id,
        "key": None,
    }
    held = own[claim] if claim in own else value(principal.claims, claim)
    for one in held if isinstance(held, list) else [held]:
        if isinstance(one, str | int):
            yield str(one).casefold()


def _counts(cutoff: Cutoff, principal: Principal) -> bool:
    """Whether it is for this issuer's tokens, and for those of this age."""
    late = cutoff.before is not None and float(principal.claims.get("iat", 0)) >= cutoff.before
    return cutoff.issuer in ("", principal.issuer) and not late


def _refusal(cutoff: Cutoff, reason: str) -> Forbidden:
    told = f"Cut-off {cutoff.id} says why; `weighlock cutoffs list` shows it to the gateway's operator."
    return Forbidden("cut-off", reason, next_step=told)
