"""From a presented token to a principal, or to an approver."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Unidentified
from weighlock.identity import cutoffs, tokens, workloads
from weighlock.identity.cutoffs import Cutoff
from weighlock.identity.issuers import Issuer
from weighlock.identity.tokens import Envelope
from weighlock.model import Principal, Token


class Identifier:
    """*clock* is Unix time."""

    def __init__(self, jwks: Jwks, clock: Callable[[], float]) -> None:
        self._jwks, self._clock = jwks, clock

    async def identify(self, token: Token, rules: IdentityRules, cut: Iterable[Cutoff]) -> Principal:
        """The principal. Raises Unidentified for a token that is not good, Forbidden for one that may not call."""
        envelope, issuer = self._issued(token.value, rules)
        claims = await self._verified(envelope, issuer, issuer.audience)
        today = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date()
        workload = workloads.match(rules.workloads, issuer.url, claims, today)
        principal = _principal(envelope, issuer, claims, workload.id, workload.owner)
        cutoffs.check(cut, principal)
        return principal

    def recheck(self, principal: Principal, cut: Iterable[Cutoff]) -> None:
        """What can change while an exchange is under way. A token that expires meanwhile does not end it."""
        cutoffs.check(cut, principal)

    async def approver(self, raw: str, rules: IdentityRules, cut: Iterable[Cutoff]) -> Approver:
        """The person whose token this is. A token for calls approves nothing: its audience is another.

        Whoever is cut off approves nothing either; a cut-off of an owner is one of the approver with that email.
        """
        envelope, issuer = self._issued(raw, rules)
        if not issuer.approver_audience:
            raise Unidentified("issuer-no-approvers", "Tokens of this issuer approve nothing.")
        claims = await self._verified(envelope, issuer, issuer.approver_audience)
        email = claims.get("email")
        person = _principal(envelope, issuer, claims, workload="", owner=email if isinstance(email, str) else "")
        cutoffs.check(cut, person)
        return Approver(person.issuer, person.subject, person.owner, person.groups)

    def _issued(self, raw: str, rules: IdentityRules) -> tuple[Envelope, Issuer]:
        envelope = tokens.peek(raw)
        issuer = rules.issuers.get(envelope.issuer)
        if issuer is None:
            raise Unidentified("issuer-unknown", "The token's issuer is not one that is believed here.")
        tokens.allowed(envelope, issuer)
        return envelope, issuer

    async def _verified(self, envelope: Envelope, issuer: Issuer, audience: str) -> Mapping[str, Any]:
        key = await self._jwks.key(issuer, envelope.kid, envelope.alg)
        return tokens.verify(envelope, issuer, audience, key, self._clock())


def _principal(envelope: Envelope, issuer: Issuer, claims: Mapping[str, Any], workload: str, owner: str) -> Principal:
    return Principal(
        issuer=issuer.url,
        subject=claims["sub"],
        workload=workload,
        owner=owner,
        groups=_groups(claims, issuer),
        claims=claims,
        token_id=envelope.token_id,
        expires_at=float(claims["exp"]),
    )


def _groups(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    listed = claims.get(issuer.groups_claim, [])
    return frozenset(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else frozenset()
