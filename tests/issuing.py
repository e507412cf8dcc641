"""A token issuer for tests: keys of every kind, and tokens with anything in them. It signs without a JWT library."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from weighlock.identity.issuers import Issuer

NOW = 1_800_000_000

URL = "https://issuer.example"
CLAIMS: Mapping[str, Any] = {
    "iss": URL,
    "aud": "weighlock",
    "sub": "repo:acme/nightly",
    "iat": NOW - 10,
    "exp": NOW + 600,
    "jti": "one",
    "repository_id": "7",
}


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name and algorithm."""

    kid: str
    alg: str
    sign: Callable[[bytes], bytes]
    jwk: Mapping[str, Any]


def an_issuer(**given: Any) -> Issuer:
    defaults: dict[str, Any] = {
        "url": URL,
        "jwks": f"{URL}/jwks",
        "audience": "weighlock",
        "approver_audience": "weighlock-approvals",
        "algorithms": ("RS256", "PS256", "ES256", "EdDSA"),
        "required": ("jti",),
    }
    return Issuer(**defaults | given)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(value: Any) -> str:
    """*value* as a segment: bytes as they are, anything else as JSON."""
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def token(signer: Signer | None = None, *, header: Any = None, payload: Any = None, **claims: Any) -> str:
    """A signed token. *header* members and *claims* are set beside the usual ones, or left out where they are `...`;
    *payload*, and a *header* of bytes, stand in place of the whole.
    """
    signer = signer or RSA
    if not isinstance(header, bytes):
        header = _merged({"alg": signer.alg, "typ": "JWT", "kid": signer.kid}, header or {})
    if payload is None:
        payload = _merged(CLAIMS, claims)
    signing_input = f"{segment(header)}.{segment(payload)}"
    return f"{signing_input}.{b64(signer.sign(signing_input.encode()))}"


def spelled(claim: str, text: str) -> bytes:
    """The usual claims, with one spelled in JSON as *text*."""
    return json.dumps({**CLAIMS, claim: "@"}).replace('"@"', text).encode()


def _merged(usual: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **given}.items() if value is not ...}


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def an_rsa(kid: str, signs: str = "RS256", bits: int = 2048, **members: Any) -> Signer:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    pad = pss if signs == "PS256" else padding.PKCS1v15()
    numbers = private.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": kid, "n": number(numbers.n), "e": number(numbers.e), **members}
    return Signer(kid, signs, lambda data: private.sign(data, pad, hashes.SHA256()), jwk)


def an_ec(kid: str, curve: ec.EllipticCurve, name: str) -> Signer:
    private = ec.generate_private_key(curve)
    size = (curve.key_size + 7) // 8
    point = private.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": name, "kid": kid, "x": b64(point.x.to_bytes(size)), "y": b64(point.y.to_bytes(size))}

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(size) + s.to_bytes(size)

    return Signer(kid, "ES256", sign, jwk)


def an_ed25519(kid: str) -> Signer:
    private = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(private.public_key().public_bytes_raw())}
    return Signer(kid, "EdDSA", private.sign, jwk)


RSA = an_rsa("rsa", use="sig", alg="RS256")
PS = an_rsa("ps", "PS256", alg="PS256")
EC = an_ec("ec", ec.SECP256R1(), "P-256")
ED = an_ed25519("ed")
GOOD = (RSA, PS, EC, ED)

STRANGER = an_rsa("rsa")
"""Another key under a name that is taken."""
WEAK = an_rsa("weak", bits=1024)
WIDE = an_ec("wide", ec.SECP384R1(), "P-384")
FOR_ENCRYPTION = an_rsa("enc", use="enc")

JWKS: Mapping[str, Any] = {"keys": [dict(s.jwk) for s in (EC, ED, WEAK, WIDE, FOR_ENCRYPTION, PS, RSA)]}
