"""How bad tokens are made: each is good but for one thing, and signed where that is possible."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwts import NOW, a_token, b64, claims, key_pair, raw_token, unb64

Case = tuple[Callable[[], str], str]
"""How a token is made, and the code with which it is refused."""

T = int(NOW)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEAD = json.dumps({"alg": "RS256", "kid": "k1", "typ": "JWT"}).encode()
EC, ED, PS = key_pair("ES256", "ec"), key_pair("EdDSA", "ed"), key_pair("PS256", "ps")
SHORT_RSA, P384, FOR_ENCRYPTION = key_pair("RS256", "weak", 1024), key_pair("ES256", "wide", 384), key_pair(kid="enc")
KEYS = [
    P384.jwk(crv="P-256"),
    FOR_ENCRYPTION.jwk(use="enc"),
    EC.jwk(),
    SHORT_RSA.jwk(),
    ED.jwk(),
    PS.jwk(alg="PS256"),
    key_pair().jwk(alg="RS256"),
]
"""The issuer's published keys: four good ones, and three that nothing may be verified with."""


def header(**members: Any) -> str:
    return a_token(header=members)


def payload(text: str | bytes) -> str:
    """A token whose claims are written out, and that is signed all the same."""
    return raw_token(HEAD, text if isinstance(text, bytes) else text.encode(), key_pair())


def head(text: str | bytes) -> str:
    return raw_token(text if isinstance(text, bytes) else text.encode(), json.dumps(claims()).encode(), key_pair())


def with_claim(name: str, text: str) -> str:
    """Good claims, and one spelled in JSON as *text*."""
    return payload(f'{json.dumps(claims(**{name: None}))[:-1]}, "{name}": {text}}}')


def segment(index: int, change: Callable[[str], str], raw: str = "") -> str:
    parts = (raw or a_token()).split(".")
    parts[index] = change(parts[index])
    return ".".join(parts)


def signature(change: Callable[[bytes], bytes], raw: str = "") -> str:
    return segment(2, lambda text: b64(change(unb64(text))), raw)


def not_canonical(index: int) -> list[str]:
    """Every other spelling of the same bytes: with bits that base64url leaves over."""
    for filler in range(4):
        raw = a_token(jti="x" * filler, header={"x": "y" * filler})
        text = raw.split(".")[index]
        spellings = [text[:-1] + last for last in ALPHABET if last != text[-1]]
        if same := [other for other in spellings if len(text) % 4 and unb64(other) == unb64(text)]:
            return [segment(index, lambda _, other=other: other, raw) for other in same]  # type: ignore[misc]
    raise AssertionError


def hmac_under(secret: bytes) -> str:
    """A forgery: signed with what is public (CVE-2024-33663)."""
    signed = header(alg="HS256").rpartition(".")[0]
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public(encoding: Encoding) -> bytes:
    data: bytes = key_pair().private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return data


def without_armour() -> bytes:
    return b"".join(public(Encoding.PEM).splitlines()[1:-1])


def der(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


def with_another_salt() -> str:
    signed = a_token(PS).rpartition(".")[0]
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
    return f"{signed}.{b64(PS.private.sign(signed.encode(), scheme, hashes.SHA256()))}"


def over_sha512() -> str:
    signed = a_token(EC).rpartition(".")[0]
    r, s = decode_dss_signature(EC.private.sign(signed.encode(), ec.ECDSA(hashes.SHA512())))
    return f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


def beyond_the_order() -> str:
    """Ed25519 with s + L for s, which RFC 8032, 5.1.7 refuses: else one token would have two signatures."""
    order = (1 << 252) + 27742317777372353535851937790883648493
    return signature(lambda s: s[:32] + (int.from_bytes(s[32:], "little") + order).to_bytes(32, "little"), a_token(ED))


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels
