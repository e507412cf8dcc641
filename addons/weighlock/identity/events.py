"""Security event tokens (SET, RFC 8417) of shared signals (SSF 1.0): what happened to whom, and what that cuts off.

A SET has the envelope of a token, and is none:
1. `typ` is `secevent+jwt`, which no token may have.
2. One key of its transmitter, by `kid` and `alg`; the signature.
3. `aud` is the transmitter's own audience here, `jti` and `iat` are there, `sub` is not (SSF 1.0, section 4.1).
`exp` says nothing: what happened stays true.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from jose.backends.base import Key

from weighlock.errors import Refused, Unidentified
from weighlock.identity import people as persons
from weighlock.identity import tokens
from weighlock.identity.people import Person
from weighlock.identity.tokens import Envelope
from weighlock.identity.transmitters import Transmitter
from weighlock.wire.strictjson import Number

MAX_AGE = 90 * 86400.0
"""Seconds for which an event may be under way, and for which its `jti` is remembered."""
_LEEWAY = 60.0
_MAX_ALIASES = 16
_MAX_TEXT = 1000

_TYPES = "https://schemas.openid.net/secevent/"
_SESSIONS = {
    f"{_TYPES}caep/event-type/session-revoked": "session-revoked",
    f"{_TYPES}caep/event-type/credential-change": "credential-change",
}
"""What was issued before is void; what is issued after is good."""
_ACCOUNTS = {
    f"{_TYPES}risc/event-type/account-disabled": "account-disabled",
    f"{_TYPES}risc/event-type/account-purged": "account-purged",
}
"""Nothing is good any more."""
_STREAM = {
    f"{_TYPES}ssf/event-type/verification": "verification",
    f"{_TYPES}ssf/event-type/stream-updated": "stream-updated",
}
"""Of the stream itself, and of nobody."""
_NOBODY = {"format": "absent"}
_NAMES = _SESSIONS | _ACCOUNTS | _STREAM


class Err(StrEnum):
    """Security Event Token Error Codes (RFC 8935, section 2.4)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_KEY = "invalid_key"
    INVALID_ISSUER = "invalid_issuer"
    INVALID_AUDIENCE = "invalid_audience"
    AUTHENTICATION_FAILED = "authentication_failed"
    ACCESS_DENIED = "access_denied"


class EventRefused(Refused):
    """*err* is for the transmitter; *code* and *reason*, as everywhere, for the record."""

    status = 400

    def __init__(self, err: Err, code: str, reason: str) -> None:
        self.err = err
        super().__init__(code, reason)


class Cut(NamedTuple):
    """A cut-off to be: of a claim's value, of an issuer (empty for any), of what was issued *before* (None for all)."""

    claim: str
    value: str
    issuer: str
    before: float | None


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A SET that is its transmitter's word. *id* is its `jti`; *digest* tells two with one `jti` apart."""

    issuer: str
    id: str
    digest: str
    issued_at: float
    subject: Any = field(repr=False)
    events: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def names(self) -> str:
        """What it is of, in public words."""
        return ", ".join(sorted({_NAMES.get(type_, "an event of no effect") for type_ in self.events}))


def peek(raw: str) -> Envelope:
    """A SET that is well formed, and not verified."""
    try:
        return tokens.peek(raw)
    except Unidentified as error:
        raise EventRefused(Err.INVALID_REQUEST, error.code, error.reason) from None


def allowed(envelope: Envelope, transmitter: Transmitter) -> None:
    """Whether it may be *transmitter*'s, before any key is looked for."""
    if envelope.issuer != transmitter.url:
        raise EventRefused(
            Err.INVALID_ISSUER, "event-issuer", "This is not an event of the transmitter that brings it."
        )
    try:
        tokens.allowed(envelope, transmitter.signer)
    except Unidentified as error:
        err = Err.INVALID_REQUEST if error.code == "type-refused" else Err.INVALID_KEY
        raise EventRefused(err, error.code, error.reason) from None


def verify(envelope: Envelope, transmitter: Transmitter, key: Key, now: float) -> SecurityEvent:
    """What *envelope* says. *key* is the transmitter's, found by the envelope's own `kid` and `alg`."""
    allowed(envelope, transmitter)
    try:
        tokens.authentic(envelope, key)
    except Unidentified as error:
        raise EventRefused(Err.INVALID_KEY, error.code, error.reason) from None
    claims = envelope.claims
    audiences = claims["aud"] if isinstance(claims.get("aud"), list) else [claims.get("aud")]
    if audiences != [transmitter.signer.audience]:
        raise EventRefused(Err.INVALID_AUDIENCE, "audience-wrong", "The event is not for this receiver alone.")
    if "sub" in claims:
        raise _unfit("event-sub", "The event has `sub`, as only tokens do.")
    issued_at = _time(claims.get("iat"))
    if issued_at is None or issued_at > now + _LEEWAY:
        raise _unfit("event-iat", "The event does not say when it was issued, or says a time to come.")
    if issued_at < now - MAX_AGE:
        raise _unfit("event-too-old", f"The event is older than {MAX_AGE / 86400:.0f} days.")
    events = claims.get("events")
    if not isinstance(events, dict) or not events or not all(isinstance(value, dict) for value in events.values()):
        raise _unfit("event-missing", "`events` is no object of events.")
    return SecurityEvent(
        issuer=envelope.issuer,
        id=_text(claims, "jti", 256),
        digest=envelope.token_id,
        issued_at=issued_at,
        subject=claims.get("sub_id"),
        events=events,
    )


def cuts(event: SecurityEvent, people: Sequence[Person]) -> tuple[Cut, ...]:
    """All that *event* cuts off; nothing for events of other types, which a receiver has to ignore.

    A person who is known is cut off by everything that they are known by. EventRefused for an event that would cut
    somebody off, and does not say whom in a way that is understood.
    """
    found: dict[Cut, None] = {}
    for type_, payload in event.events.items():
        if type_ in _ACCOUNTS or type_ in _SESSIONS:
            before = _end(event, payload) if type_ in _SESSIONS else None
            found |= {Cut(*identifier, before): None for identifier in _whom(event, people)}
    return tuple(found)


def _end(event: SecurityEvent, payload: Mapping[str, Any]) -> float:
    """The first second whose tokens are good again. Those of the event's own second may be older than it."""
    said = _time(payload.get("event_timestamp"))
    return math.floor(said if said is not None and said <= event.issued_at + _LEEWAY else event.issued_at) + 1.0


def _whom(event: SecurityEvent, people: Sequence[Person]) -> Iterator[tuple[str, str, str]]:
    """Identifiers as a cut-off has them: claim, value, issuer."""
    identifiers = list(dict.fromkeys(_identifiers(event.subject, event.issuer)))
    if not identifiers:
        raise _unfit("event-subject", "The event's `sub_id` names nobody in a format that is understood.")
    yield from identifiers
    for claim, value, issuer in identifiers:
        known = list(persons.behind(people, issuer, {claim: value}))
        if "@" in value and (person := persons.find(people, value)):
            known.append(person)
        for person in known:
            yield from person.identifiers()


def _identifiers(subject: Any, issuer: str) -> Iterator[tuple[str, str, str]]:
    """RFC 9493, and SSF 1.0 section 3. Nothing for a format that says nothing about a person here."""
    if not isinstance(subject, dict):
        raise _unfit("event-subject", "The event's `sub_id` is no object.")
    match _text(subject, "format"):
        case "iss_sub":
            yield "sub", _text(subject, "sub"), _text(subject, "iss")
        case "opaque":  # an account's id or a session's, as the transmitter calls it
            yield "sub", _text(subject, "id"), issuer
            yield "sid", _text(subject, "id"), issuer
        case "email":
            yield "email", _text(subject, "email"), ""
        case "account":
            yield "email", _text(subject, "uri").removeprefix("acct:"), ""
        case "jwt_id":
            yield "jti", _text(subject, "jti"), _text(subject, "iss")
        case "aliases":
            aliases = subject.get("identifiers")
            if not isinstance(aliases, list) or len(aliases) > _MAX_ALIASES:
                raise _unfit("event-subject", "The event's aliases are no list, or too many.")
            for alias in aliases:
                if isinstance(alias, dict) and alias.get("format") in ("aliases", "complex"):
                    raise _unfit("event-subject", "The event's aliases are nested.")
                yield from _identifiers(alias, issuer)
        case "complex":
            for name in ("user", "session"):
                member = subject.get(name, _NOBODY)
                if isinstance(member, dict) and member.get("format") == "complex":
                    raise _unfit("event-subject", "The event's subject is nested.")
                yield from _identifiers(member, issuer)


def _text(members: Mapping[str, Any], name: str, limit: int = _MAX_TEXT) -> str:
    value = members.get(name)
    # A number is read as a kind of str, which keeps its spelling.
    if type(value) is not str or not value.strip() or len(value) > limit:
        raise _unfit("event-member", f"The event's {name!r} is missing, empty, too long, or not text.")
    return value


def _time(value: Any) -> float | None:
    """Seconds, or None for what is no time."""
    seconds = float(value) if isinstance(value, Number) and len(value) <= 32 else math.nan
    return seconds if 0 < seconds < math.inf else None


def _unfit(code: str, reason: str) -> EventRefused:
    return EventRefused(Err.INVALID_REQUEST, code, reason)
