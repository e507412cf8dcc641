"""JSON Web Tokens (RFC 7519, RFC 8725): python-jose's keys verify them, inside an envelope that closes what it leaves
open.

1. Strict compact form: three segments of canonical base64url, bounded.
2. Header and claims: JSON objects, no member twice, no NaN, bounded nesting. No `crit`, no `b64`.
3. The issuer's own list of `alg` and `typ`; never `none`, never HMAC.
4. Exactly one key, by issuer, `kid` and `alg`, of the right type, size, curve and use (`keys`).
5. The signature, with that key and that algorithm.
6. Subject, audience, times and lifetime, against a clock that is an argument; nothing that proves something else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from jose.backends.base import Key

from weighlock.claims import value
from weighlock.errors import Malformed
from weighlock.identity import keys
from weighlock.identity.faults import MAX_KID, MAX_LENGTH, fault
from weighlock.identity.issuers import Issuer
from weighlock.wire import jsontext
from weighlock.wire.strictjson import Number

_LAST_TIME = 1 << 40
"""Seconds; far beyond any real clock, and far below what overflows."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_ENCRYPTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token that is well formed, and not verified. Nothing of it may be believed but who claims to have issued it."""

    signed: bytes = field(repr=False)
    """The signing input: header and claims as they came."""
    signature: bytes = field(repr=False)
    issuer: str
    kid: str
    alg: str
    typ: str
    claims: Mapping[str, Any] = field(repr=False)
    token_id: str


def peek(raw: str) -> Envelope:
    """Steps 1 and 2."""
    if len(raw) > MAX_LENGTH:
        raise fault("token-too-long")
    match = _COMPACT.fullmatch(raw)
    if not match:
        raise fault("token-encrypted" if _ENCRYPTED.fullmatch(raw) else "token-malformed")
    if not match[3]:
        raise fault("token-unsigned")
    header, claims, signature = _json(_decoded(match[1])), _json(_decoded(match[2])), _decoded(match[3])
    alg, kid, typ, issuer = header.get("alg"), header.get("kid"), header.get("typ", ""), claims.get("iss")
    if "crit" in header:
        raise fault("token-critical")
    if "b64" in header:  # RFC 7797, section 7: a JWT must not
        raise fault("token-unencoded")
    if not _is_text(alg):
        raise fault("algorithm-missing")
    if not _is_text(kid) or not 0 < len(kid) <= MAX_KID:
        raise fault("key-unnamed")
    if not _is_text(typ):
        raise fault("type-malformed")
    if not _is_text(issuer):
        raise fault("issuer-missing")
    signed = raw[: match.end(2)].encode()
    return Envelope(
        signed=signed,
        signature=signature,
        issuer=issuer,
        kid=kid,
        alg=alg,
        typ=typ.lower().removeprefix("application/"),
        claims=claims,
        token_id=hashlib.sha256(signed).hexdigest(),
    )


def allowed(envelope: Envelope, issuer: Issuer) -> None:
    """Step 3, before any key is looked for."""
    if envelope.alg not in issuer.algorithms or envelope.alg not in keys.KINDS:
        raise fault("algorithm-refused")
    if envelope.typ not in issuer.types:
        raise fault("type-refused")


def authentic(envelope: Envelope, key: Key) -> None:
    """Step 5, or Unidentified. *key* is from `keys.usable_keys`, found there by the envelope's own `kid` and `alg`."""
    try:
        good = key.verify(envelope.signed, envelope.signature)
    except Exception:  # python-jose and cryptography let out what they like
        good = False
    if good is not True:
        raise fault("signature-invalid")


def verify(envelope: Envelope, issuer: Issuer, audience: str, key: Key, now: float) -> Mapping[str, Any]:
    """Steps 3, 5 and 6: the claims, with numbers as numbers. *key* as in `authentic`. Raises Unidentified."""
    allowed(envelope, issuer)
    authentic(envelope, key)
    return stated(envelope.claims, issuer, audience, now)


def stated(claims: Mapping[str, Any], issuer: Issuer, audience: str, now: float) -> Mapping[str, Any]:
    """Step 6, of claims that are the issuer's own word, with each number as a `Number`."""
    if "cnf" in claims:  # RFC 7800, RFC 9449: whoever presents it would have to prove more than having it
        raise fault("token-bound")
    if "events" in claims:  # RFC 8417, and OpenID Connect Back-Channel Logout
        raise fault("token-is-event")
    subject = claims.get("sub")
    if not _is_text(subject) or not subject.strip():
        raise fault("subject-missing")
    _for(claims.get("aud"), audience)
    for name in issuer.required:
        if not _is_text(held := value(claims, name)) or not held:
            raise fault("claim-missing", name)
    _timely(claims, issuer, now)
    if not _is_text(claims.get("jti", "")):
        raise fault("jti-malformed")
    try:
        return {name: held if type(held) is str else _plain(held) for name, held in claims.items()}
    except ValueError:  # more digits than Python reads, or more than a float holds
        raise fault("token-json-number") from None


def _for(value: Any, audience: str) -> None:
    audiences = value if isinstance(value, list) else [value]
    if not audiences or not all(_is_text(item) and item for item in audiences):
        raise fault("audience-missing")
    if audience not in audiences:
        raise fault("audience-wrong", audience)
    if len(audiences) > 1:
        raise fault("audience-several", audience)


def _timely(claims: Mapping[str, Any], issuer: Issuer, now: float) -> None:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else issued
    if expires <= now - issuer.leeway:
        raise fault("token-expired", next_step="Fetch a new one for each job.")
    if issued > now + issuer.leeway:
        raise fault("iat-future")
    if begins > now + issuer.leeway:
        raise fault("token-early")
    if expires <= issued:
        raise fault("lifetime-negative")
    if expires - issued > issuer.max_lifetime:
        raise fault("lifetime-too-long", issuer.max_lifetime)


def _time(claims: Mapping[str, Any], name: str) -> float:
    if name not in claims:
        raise fault(f"{name}-missing")
    value = claims[name]
    seconds = float(value) if isinstance(value, Number) and len(value) <= 32 else math.nan
    if not 0 < seconds < _LAST_TIME:
        raise fault(f"{name}-malformed")
    return seconds


def _plain(value: Any) -> Any:
    if isinstance(value, Number):
        number = float(value) if re.search(r"[.eE]", value) else int(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, Number)


def _decoded(segment: str) -> bytes:
    """Only what encodes to *segment* again: else one token would have many spellings."""
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise fault("token-not-canonical") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        raise fault("token-not-canonical")
    return data


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = jsontext.parse(data).value
    except Malformed as error:
        raise fault(f"token-{error.code}") from None
    if not isinstance(value, dict):
        raise fault("token-json-object")
    return value
