"""An issuer's keys (RFC 7517): which of a JWKS may verify, and for which algorithm.

python-jose would take a key for encryption, a short RSA key, or a wrong curve; and it knows neither EdDSA nor PS256.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from jose import jwk
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey

KINDS = {"RS256": ("RSA", None), "PS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
"""By algorithm, the `kty` and `crv` of its keys. No other algorithm is ever verified."""

_MAX_KEYS = 64
_MIN_RSA_BITS = 2048


def usable_keys(document: Any) -> Mapping[tuple[str, str], Key]:
    """By `kid` and algorithm, the keys of a JWKS that may verify. The order of its members makes no difference.

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
        for alg, (kind, curve) in KINDS.items():
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
