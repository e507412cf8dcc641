"""What an issuer says of an opaque token (RFC 7662, section 2.2): whether it is one that counts here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from weighlock.errors import Unidentified
from weighlock.identity import tokens
from weighlock.identity.issuers import Issuer


def token_id(token: str) -> str:
    """SHA-256, hex. An opaque token has one spelling, so its own text will do."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def verify(answer: Mapping[str, Any], issuer: Issuer, audience: str, now: float) -> Mapping[str, Any]:
    """The claims of an active token, with numbers as numbers, `iss` and `sub`. Raises Unidentified.

    *answer* has each number as a `jsontext.Number`. What the RFC leaves open is required here: that it says that it is
    a bearer token (a refresh token does not), `aud`, `exp` and `iat`, and `sub` or `client_id`.
    """
    if answer.get("active") is not True:
        raise Unidentified("token-inactive", "Its issuer says that the token is not active.")
    if answer.get("iss", issuer.url) != issuer.url:
        raise Unidentified("issuer-other", "The token is said to be of another issuer.")
    kind = answer.get("token_type", answer.get("typ"))
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unidentified("token-not-bearer", "Its issuer does not say that this is a bearer token.")
    claims = {name: held for name, held in answer.items() if name != "active"}
    if claims.get("sub") is None:
        claims["sub"] = claims.get("client_id")
    return tokens.stated(claims | {"iss": issuer.url}, issuer, audience, now)
