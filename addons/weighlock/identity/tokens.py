"""JSON Web Tokens, verified by python-jose inside an envelope that closes what it leaves open (RFC 7519, RFC 8725).

1. Strict compact form: three segments of canonical base64url, bounded.
2. Header and claims: JSON objects, no member twice, no NaN, bounded nesting. No `crit`.
3. The issuer's own list of `alg` and `typ`; never `none`, never HMAC.
4. Exactly one key, by issuer, `kid` and `alg`, of the right type, size, curve and use.
5. The signature, with that key and that algorithm.
6. `exp`, `iat`, `nbf`, lifetime, audience and subject, against a clock that is an argument.
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

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from jose import jwk, jws
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey

from weighlock.errors import Malformed, Unidentified
from weighlock.identity.issuers import Issuer
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Number

_COMPACT = re.compile(r"([A-Za-z0-9_-]{2,2048})\.([A-Za-z0-9_-]{2,16384})\.([A-Za-z0-9_-]{43,1368})")
_KINDS = {"RS256": ("RSA", None), "PS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_MAX_KEYS = 64
_MIN_RSA_BITS = 2048
_LAST_TIME = 1 << 40
"""Seconds; far beyond any real clock, and far below what overflows."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token that is well formed, and not verified. Nothing of it may be believed but who claims to have issued it."""

    raw: str = field(repr=False)
    issuer: str
    kid: str
    alg: str
    typ: str
    claims: Mapping[str, Any] = field(repr=False)
    token_id: str


def malformed(what: str) -> Unidentified:
    return Unidentified("token-malformed", f"The token is malformed: {what}.")


def peek(raw: str) -> Envelope:
    """Steps 1 and 2."""
    match = _COMPACT.fullmatch(raw)
    if not match:
        raise malformed("not three segments of base64url")
    header, claims = (_json(_canonical(segment)) for segment in match.groups()[:2])
    _canonical(match[3])
    alg, kid, typ, issuer = header.get("alg"), header.get("kid"), header.get("typ", ""), claims.get("iss")
    if "crit" in header:
        raise malformed("`crit` is not understood")
    if not (_is_text(alg) and _is_text(kid) and _is_text(typ) and _is_text(issuer)):
        raise malformed("`alg`, `kid`, `typ` and `iss` must be text")
    if not kid or len(kid) > 256:
        raise malformed("`kid` is empty or too long")
    return Envelope(
        raw=raw,
        issuer=issuer,
        kid=kid,
        alg=alg,
        typ=typ.lower().removeprefix("application/"),
        claims=claims,
        token_id=hashlib.sha256(f"{match[1]}.{match[2]}".encode()).hexdigest(),
    )


def verify(envelope: Envelope, issuer: Issuer, audience: str, key: Key, now: float) -> Mapping[str, Any]:
    """Steps 3, 5 and 6: the claims, with numbers as numbers. *key* is from `usable_keys`. Raises Unidentified."""
    allowed(envelope, issuer)
    try:
        jws.verify(envelope.raw, key, algorithms=[envelope.alg])
    except Exception:  # python-jose lets more than JOSEError out
        raise Unidentified("signature-invalid", "The token's signature is not its issuer's.") from None
    claims = envelope.claims
    subject = claims.get("sub")
    if not _is_text(subject) or not subject.strip():
        raise Unidentified("subject-missing", "The token has no subject.")
    if _audiences(claims.get("aud")) != [audience]:
        raise Unidentified("audience-wrong", f"The token is not for {audience!r}, or not for it alone.")
    for name in issuer.required:
        if not _is_text(claims.get(name)) or not claims[name]:
            raise Unidentified("claim-missing", f"The token lacks the claim {name!r}.")
    _timely(claims, issuer, now)
    if "jti" in claims and not _is_text(claims["jti"]):
        raise malformed("`jti` must be text")
    try:
        return {name: _plain(value) for name, value in claims.items()}
    except ValueError:  # more digits than Python reads, or more than a float holds
        raise malformed("a number is out of bounds") from None


def allowed(envelope: Envelope, issuer: Issuer) -> None:
    """Step 3, before any key is looked for."""
    if envelope.alg not in issuer.algorithms or envelope.alg not in _KINDS:
        raise Unidentified("algorithm-refused", "The token is signed with an algorithm that its issuer does not use.")
    if envelope.typ not in issuer.types:
        raise Unidentified("type-refused", "The token is of a type that is no identity here.")


def usable_keys(document: Any) -> Mapping[tuple[str, str], Key]:
    """Step 4: by `kid` and algorithm, the keys of a JWKS that may verify. The order of its members makes no difference.

    Keys that are unfit are left out; ValueError for what is no JWKS, or has two keys for one `kid` and algorithm.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
        raise ValueError("not a JWKS")
    keys: dict[tuple[str, str], Key] = {}
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("kid"), str):
            continue
        if "d" in item or item.get("use", "sig") != "sig" or not _verifies(item.get("key_ops", ["verify"])):
            continue
        for alg, (kind, curve) in _KINDS.items():
            if item.get("kty") != kind or item.get("alg", alg) != alg or (curve and item.get("crv") != curve):
                continue
            key = _key(item, alg)
            if key is None:
                continue
            if (item["kid"], alg) in keys:
                raise ValueError("two keys for one kid")
            keys[item["kid"], alg] = key
    return keys


def _verifies(operations: Any) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _key(item: dict[str, Any], alg: str) -> Key | None:
    try:
        key = jwk.construct(item, alg)
        fits = not isinstance(key, CryptographyRSAKey | _PS256) or key.prepared_key.key_size >= _MIN_RSA_BITS
    except Exception:  # python-jose lets more than JOSEError out
        return None
    return key if fits else None


def _timely(claims: Mapping[str, Any], issuer: Issuer, now: float) -> None:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else issued
    if expires <= now - issuer.leeway:
        raise Unidentified("token-expired", "The token has expired.", next_step="Fetch a new one for each job.")
    if issued > now + issuer.leeway or begins > now + issuer.leeway:
        raise Unidentified("token-early", "The token is not valid yet; check the clocks.")
    if expires - issued > issuer.max_lifetime:
        raise Unidentified("lifetime-too-long", f"The token lives longer than {issuer.max_lifetime:.0f} seconds.")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, Number) or len(value) > 32:
        raise Unidentified("time-missing", f"The token's {name!r} is not a number.")
    seconds = float(value)
    if not math.isfinite(seconds) or not 0 < seconds < _LAST_TIME:
        raise Unidentified("time-missing", f"The token's {name!r} is no time.")
    return seconds


def _audiences(value: Any) -> list[Any]:
    listed = value if isinstance(value, list) else [value]
    return [item if _is_text(item) else None for item in listed]


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


def _canonical(segment: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise malformed("a segment is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        raise malformed("a segment is not canonical base64url")
    return data


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = jsontext.parse(data).value
    except Malformed:
        raise malformed("a segment is not strict JSON") from None
    if not isinstance(value, dict):
        raise malformed("a segment is not a JSON object")
    return value


class _EdDSA(Key):  # type: ignore[misc]
    """RFC 8037, which python-jose does not know."""

    def __init__(self, key: dict[str, Any], algorithm: str) -> None:
        x = key["x"]
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self._key.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


class _PS256(Key):  # type: ignore[misc]
    """RFC 7518 section 3.5, which python-jose does not know."""

    def __init__(self, key: dict[str, Any], algorithm: str) -> None:
        self.prepared_key = CryptographyRSAKey(key, "RS256").public_key().prepared_key

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self.prepared_key.verify(sig, msg, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


jwk.register_key("EdDSA", _EdDSA)
jwk.register_key("PS256", _PS256)
if jwk.get_key("RS256") is not CryptographyRSAKey or jwk.get_key("ES256") is not CryptographyECKey:
    # The other backends are unmaintained, and one has a timing flaw (CVE-2024-23342).
    raise ImportError("python-jose must use its cryptography backend")
