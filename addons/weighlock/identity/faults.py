"""What can be wrong with a token: a code for each check, which is stable, and what the pipeline's owner reads."""

from __future__ import annotations

from collections.abc import Mapping

from weighlock.errors import Unidentified

MAX_LENGTH = 20_000
"""Of a token, in characters."""
MAX_KID = 256

FAULTS: Mapping[str, str] = {
    "token-too-long": f"The token is longer than {MAX_LENGTH} characters.",
    "token-malformed": "The token is not three segments of base64url.",
    "token-encrypted": "The token is encrypted (JWE); only a signed one can be verified.",
    "token-unsigned": "The token has no signature.",
    "token-not-canonical": "A segment of the token is not base64url as RFC 4648 writes it.",
    "token-charset": "A segment of the token is not UTF-8.",
    "token-json-malformed": "A segment of the token is not JSON.",
    "token-json-depth": "A segment of the token is nested too deeply.",
    "token-json-duplicate-member": "A segment of the token has one member name twice in one object.",
    "token-json-number": "A segment of the token has a number that JSON does not have, or that is out of bounds.",
    "token-json-surrogate": "A segment of the token has half of a surrogate pair.",
    "token-json-object": "A segment of the token is not a JSON object.",
    "token-critical": "The token has a critical extension (`crit`), and none is understood here.",
    "token-unencoded": "The token's header has `b64`, which a JWT must not use.",
    "algorithm-missing": "The token's `alg` is missing, or is not text.",
    "algorithm-refused": "The token is signed with an algorithm that its issuer does not use.",
    "key-unnamed": f"The token's `kid` is missing, or is not text of 1 to {MAX_KID} characters.",
    "type-malformed": "The token's `typ` is not text.",
    "type-refused": "The token is of a type that is no identity here.",
    "issuer-missing": "The token's `iss` is missing, or is not text.",
    "signature-invalid": "The token's signature is not its issuer's.",
    "token-bound": "The token is bound to a key (`cnf`), and is worth nothing without the proof of that key.",
    "token-is-event": "This is a security event or a logout token (`events`), and no identity.",
    "subject-missing": "The token's `sub` is missing, blank, or not text.",
    "audience-missing": "The token's `aud` is missing, or names nobody.",
    "audience-wrong": "The token is not for {!r}.",
    "audience-several": "The token is not for {!r} alone.",
    "claim-missing": "The token's {!r} is missing, empty, or not text.",
    "exp-missing": "The token does not say when it expires.",
    "exp-malformed": "The token's `exp` is no time in seconds.",
    "iat-missing": "The token does not say when it was issued.",
    "iat-malformed": "The token's `iat` is no time in seconds.",
    "iat-future": "The token was issued in the future; check the clocks.",
    "nbf-malformed": "The token's `nbf` is no time in seconds.",
    "token-early": "The token is not valid yet; check the clocks.",
    "token-expired": "The token has expired.",
    "lifetime-too-long": "The token lives longer than {:.0f} seconds.",
    "lifetime-negative": "The token expires before it was issued.",
    "jti-malformed": "The token's `jti` is not text.",
}


def fault(code: str, *details: object, next_step: str = "") -> Unidentified:
    return Unidentified(code, FAULTS[code].format(*details), next_step=next_step)
