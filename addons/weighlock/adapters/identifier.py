"""From a presented token to a principal, or to an approver."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from weighlock.adapters.introspection import Introspection
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.sessions import Sessions
from weighlock.approval import binding
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Forbidden, Unidentified
from weighlock.identity import introspection, issuers, people, sessions, tokens, workloads
from weighlock.identity.claims import completed, untrusted
from weighlock.identity.cutoffs import Cutoffs
from weighlock.identity.issuers import Issuer
from weighlock.identity.tokens import Envelope
from weighlock.model import Principal, Token


@dataclass(frozen=True, slots=True)
class Verified:
    """Claims that are their issuer's word, and what presented them."""

    issuer: Issuer
    claims: Mapping[str, Any] = field(repr=False)
    token_id: str
    expires_at: float
    session: str = ""


class Identifier:
    """*clock* is Unix time."""

    def __init__(
        self, jwks: Jwks, introspection: Introspection, sessions: Sessions, clock: Callable[[], float]
    ) -> None:
        self._jwks, self._introspection, self._sessions, self._clock = jwks, introspection, sessions, clock

    async def identify(self, token: Token, rules: IdentityRules) -> Principal:
        """Who it is; whether they may call is for `check`. Raises Unidentified for a token that is not good, Forbidden
        for one of no workload.
        """
        if sessions.is_handle(token.value):
            return self._resumed(token.value, rules)
        if issuer := issuers.opaque(rules.issuers, token.value):
            return _principal(await self._introspected(token.value, issuer), rules)
        envelope, issuer = self._issued(token.value, rules)
        return _principal(await self._verified(envelope, issuer, issuer.audience), rules)

    def check(self, principal: Principal, rules: IdentityRules, cut: Cutoffs) -> None:
        """Raise Refused where *principal* may not call, or not any more. That its token expired since ends nothing."""
        issuer = _believed(principal.issuer, rules)
        verified = Verified(issuer, principal.claims, principal.token_id, principal.expires_at, principal.session)
        now = _same_workload(_principal(verified, rules), principal.workload)
        workloads.check(rules.workload(now.workload), self._today())
        self._present(person for person in rules.people if person.id in now.persons)
        cut.check(now)

    async def person(self, raw: str, rules: IdentityRules) -> Verified:
        """What a person's token says, an ID token or one for approvals. Whether they may do anything, `still` tells.

        A token for calls approves nothing: its audience is another.
        """
        envelope = tokens.peek(raw)
        issuer, audience = _terms(_believed(envelope.issuer, rules), envelope.claims)
        tokens.allowed(envelope, issuer)
        return await self._verified(envelope, issuer, audience)

    def still(self, verified: Verified, rules: IdentityRules, cut: Cutoffs) -> Approver:
        """The approver behind it, by the rules and cut-offs of now. That the token expired since ends nothing.

        Forbidden for whoever departed or is cut off.
        """
        verified = replace(verified, issuer=_believed(verified.issuer.url, rules))
        email = verified.claims.get("email")
        known = {person.id: person for person in people.behind(rules.people, verified.issuer.url, verified.claims)}
        if isinstance(email, str) and (person := people.find(rules.people, email)):
            known[person.id] = person
        self._present(known.values())
        principal = _named(verified, workload="", owner="", persons=frozenset(known))
        cut.check(principal)
        return Approver(
            principal.issuer,
            principal.subject,
            email if isinstance(email, str) else "",
            principal.groups,
            principal.persons,
            binding.names(principal),
            authenticated_at=_authenticated_at(verified.claims),
        )

    def _resumed(self, handle: str, rules: IdentityRules) -> Principal:
        session = self._sessions.find(handle)
        issuer = _believed(session.issuer, rules)
        verified = Verified(issuer, session.claims, session.token_id, session.expires_at, session.id)
        return _same_workload(_principal(verified, rules), session.workload)

    def _present(self, persons: Iterable[people.Person]) -> None:
        if any(person.gone(self._today()) for person in persons):
            raise Forbidden("person-departed", "The person behind this token has departed.")

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date()

    def _issued(self, raw: str, rules: IdentityRules) -> tuple[Envelope, Issuer]:
        envelope = tokens.peek(raw)
        issuer = _believed(envelope.issuer, rules)
        tokens.allowed(envelope, issuer)
        return envelope, issuer

    async def _verified(self, envelope: Envelope, issuer: Issuer, audience: str) -> Verified:
        key = await self._jwks.key(issuer, envelope.kid, envelope.alg)
        claims = tokens.verify(envelope, issuer, audience, key, self._clock())
        return Verified(issuer, completed(issuer, claims), envelope.token_id, float(claims["exp"]))

    async def _introspected(self, token: str, issuer: Issuer) -> Verified:
        claims = await self._introspection.claims(issuer, token, issuer.audience)
        return Verified(issuer, completed(issuer, claims), introspection.token_id(token), float(claims["exp"]))


def _principal(verified: Verified, rules: IdentityRules) -> Principal:
    workload = workloads.match(rules.workloads, verified.issuer.url, verified.claims)
    if claim := untrusted(verified.issuer, verified.claims, workload.claims):
        raise Forbidden(
            "run-untrusted",
            f"Somebody from outside may have started this run, as its {claim!r} says.",
            next_step="A workload takes such runs where its `claims` name that claim and value.",
        )
    actors = people.behind(rules.people, verified.issuer.url, verified.claims)
    persons = frozenset({workload.owner.id, *(person.id for person in actors)})
    return _named(verified, workload.id, workload.owner.id, persons)


def _believed(url: str, rules: IdentityRules) -> Issuer:
    issuer = rules.issuers.get(url)
    if issuer is None:
        raise Unidentified("issuer-unknown", "The token's issuer is not one that is believed here.")
    return issuer


def _same_workload(principal: Principal, workload: str) -> Principal:
    if principal.workload != workload:
        raise Forbidden("workload-changed", "The rules take this for another workload by now.")
    return principal


def _named(verified: Verified, workload: str, owner: str, persons: frozenset[str]) -> Principal:
    return Principal(
        issuer=verified.issuer.url,
        subject=verified.claims["sub"],
        workload=workload,
        owner=owner,
        groups=_groups(verified.claims, verified.issuer),
        claims=verified.claims,
        token_id=verified.token_id,
        expires_at=verified.expires_at,
        persons=persons,
        session=verified.session,
    )


def _groups(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    listed = claims.get(issuer.groups_claim, [])
    return frozenset(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else frozenset()


def _authenticated_at(claims: Mapping[str, Any]) -> float:
    """When the person logged in, as far as the token tells: else, when it was issued."""
    times = [float(claims[name]) for name in ("auth_time", "iat") if isinstance(claims.get(name), int | float)]
    return min(times, default=0.0)


def _terms(issuer: Issuer, claims: Mapping[str, Any]) -> tuple[Issuer, str]:
    """On which terms, and for which audience, a token of a person is read; *claims* may not be believed yet.

    An ID token is a plain JWT for a client, whatever types and claims the issuer's tokens for calls have.
    """
    audience = claims.get("aud")
    named = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if issuer.login and named in sorted(issuer.login.clients):
        return replace(issuer, types=("jwt", ""), required=()), str(named)
    if not issuer.approver_audience:
        raise Unidentified("issuer-no-approvers", "Tokens of this issuer approve nothing.")
    return issuer, issuer.approver_audience
