"""Tokens and keys for tests: made here, down to each byte and without a JWT library, so that anything can be wrong."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from weighlock.errors import Unidentified
from weighlock.identity import tokens
from weighlock.identity.issuers import Issuer
from weighlock.identity.keys import usable_keys

NOW = 1_800_000_000.0
URL = "https://issuer.example"
AUDIENCE = "weighlock"
ALL = ("RS256", "PS256", "ES256", "EdDSA")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


class KeyPair:
    """A private key, its JWK, and signatures by `alg`."""

    def __init__(self, alg: str, kid: str, private: Any) -> None:
        self.alg, self.kid, self.private = alg, kid, private

    def __repr__(self) -> str:
        return f"KeyPair({self.alg}, {self.kid})"  # the same in each worker: it stands in tests' names

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            scheme: Any = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if self.alg == "PS256" else padding.PKCS1v15()
            return self.private.sign(data, scheme, hashes.SHA256())
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        size = (self.private.key_size + 7) // 8
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(size) + s.to_bytes(size)

    def jwk(self, **given: Any) -> dict[str, Any]:
        public = self.private.public_key()
        made: dict[str, Any]
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            made = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        elif isinstance(public, ed25519.Ed25519PublicKey):
            made = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        else:
            point, size = public.public_numbers(), (public.key_size + 7) // 8
            curve = {256: "P-256", 384: "P-384"}[public.key_size]
            made = {"kty": "EC", "crv": curve, "x": b64(point.x.to_bytes(size)), "y": b64(point.y.to_bytes(size))}
        return made | {"kid": self.kid, "use": "sig"} | given


def key_pair(alg: str = "RS256", kid: str = "k1", bits: int = 2048) -> KeyPair:
    """One per kind and kid and process; *bits* is an RSA key's size, or 384 for the wrong curve."""
    return _key_pair(alg, kid, bits)


@functools.cache
def _key_pair(alg: str, kid: str, bits: int) -> KeyPair:
    if alg in ("RS256", "PS256"):
        return KeyPair(alg, kid, rsa.generate_private_key(65537, bits))
    if alg == "EdDSA":
        return KeyPair(alg, kid, ed25519.Ed25519PrivateKey.generate())
    return KeyPair(alg, kid, ec.generate_private_key(ec.SECP384R1() if bits == 384 else ec.SECP256R1()))


def an_issuer(**given: Any) -> Issuer:
    return Issuer(**{"url": URL, "jwks": "file:jwks.json", "audience": AUDIENCE, "algorithms": ALL} | given)


def claims(**given: Any) -> dict[str, Any]:
    """Good claims; a given None leaves one out."""
    who = {"iss": URL, "sub": "repo:acme/nightly", "aud": AUDIENCE, "repository_id": "7"}
    good = who | {"iat": int(NOW) - 10, "exp": int(NOW) + 600}
    return {name: value for name, value in (good | given).items() if value is not None}


def raw_token(header: bytes, payload: bytes, pair: KeyPair) -> str:
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(pair.sign(signed.encode()))}"


def a_token(
    pair: KeyPair | None = None, *, header: Mapping[str, Any] | None = None, payload: Any = None, **given: Any
) -> str:
    """A good token but for what is *given*: claims by name, or a whole *payload*, or members of the *header*."""
    pair = pair or key_pair()
    head = {"alg": pair.alg, "kid": pair.kid, "typ": "JWT"} | dict(header or {})
    head = {name: value for name, value in head.items() if value is not None}
    return raw_token(json.dumps(head).encode(), json.dumps(payload or claims(**given)).encode(), pair)


def verified(
    raw: str, keys: list[dict[str, Any]] | None = None, issuer: Issuer | None = None, now: float = NOW
) -> Mapping[str, Any]:
    """What the gateway does with a token, with its issuer's *keys* at hand: its claims, or Unidentified."""
    issuer = issuer or an_issuer()
    envelope = tokens.peek(raw)
    if envelope.issuer != issuer.url:
        raise Unidentified("issuer-unknown", "as the adapter says it")
    tokens.allowed(envelope, issuer)
    key = usable_keys({"keys": keys or [key_pair().jwk()]}).get((envelope.kid, envelope.alg))
    if key is None:
        raise Unidentified("key-unknown", "as the adapter says it")
    return tokens.verify(envelope, issuer, issuer.audience, key, now)
