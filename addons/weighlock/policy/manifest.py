"""Signed rules: a manifest of exactly these files, as a compact JWS (RFC 7515) that python-jose signs and verifies.

1. Three segments of canonical base64url, bounded.
2. A header that is ours to the letter: ES256, our type, the key's id. It cannot bring a key or choose an algorithm.
3. The signature, by a key that can do nothing but ES256 on P-256.
4. A version, and the SHA-256 of every file by name: all of them are there, as they were, and no other one.

What is older than what was in force, `adapters.signed` tells.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jws
from jose.backends.cryptography_backend import CryptographyECKey

from weighlock.errors import ConfigError, Malformed
from weighlock.wire import strictjson

NAME = "manifest.jws"
"""The file of the manifest, beside those that it lists."""
ALG, TYPE = "ES256", "weighlock-rules"
LIMIT = 1 << 20
"""Characters of a manifest."""
LAST = 10**15
"""The highest version."""
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\n?")
_KID, _HASH = r"[0-9a-f]{16}", r"[0-9a-f]{64}"
_OTHER = f"not a key for {ALG}, which is EC on P-256"
_AGAIN = "sign the rules again with `weighlock policy sign`"


@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    """16 hex digits of the SHA-256 of the key."""
    jose: Any


@dataclass(frozen=True, slots=True)
class Manifest:
    version: int
    files: Mapping[str, str]
    """SHA-256, hex, by name."""


def public_key(pem: bytes) -> PublicKey:
    """Raises ValueError with what the PEM file is instead."""
    try:
        key = serialization.load_pem_public_key(pem)
    except Exception:  # cryptography lets out more than ValueError
        what = "the private key, which only the signer has" if b"PRIVATE KEY" in pem else "not a public key"
        raise ValueError(f"{what}; `openssl pkey -in KEY -pubout` makes the public one") from None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return _public(key)
    raise ValueError(_OTHER)


def sign(files: Mapping[str, str], version: int, pem: bytes) -> str:
    """The manifest of *files* by the private key *pem*. Raises ValueError with what the PEM file is instead."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except Exception:
        raise ValueError("not a private key without a password") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        payload = {"version": version, "files": hashes(files)}
        header = {"typ": TYPE, "kid": _public(key.public_key()).id}
        return f"{jws.sign(payload, CryptographyECKey(key, ALG), headers=header, algorithm=ALG)}\n"
    raise ValueError(_OTHER)


def verify(text: str, key: PublicKey) -> Manifest:
    """What *key* signed. Raises ConfigError."""
    if not text:
        raise ConfigError("the rules are not signed, and here they must be; `weighlock policy sign` does", NAME)
    match = _COMPACT.fullmatch(text) if len(text) <= LIMIT else None
    if not match:
        raise _damaged()
    header = _json(_decoded(match[1]))
    payload, signature = _decoded(match[2]), _decoded(match[3])
    if header.get("alg") != ALG:
        raise ConfigError(f"not signed with {ALG}, the one algorithm that counts; {_AGAIN}", NAME)
    kid = header.get("kid")
    if header != {"alg": ALG, "typ": TYPE, "kid": kid} or not isinstance(kid, str) or not re.fullmatch(_KID, kid):
        raise ConfigError(f"its header is not one that `weighlock policy sign` writes; {_AGAIN}", NAME)
    if kid != key.id:
        raise ConfigError(f"signed with the key {kid}; `rules_key` is {key.id}: sign with that one", NAME)
    if not _signed(f"{match[1]}.{match[2]}".encode(), signature, key):
        raise ConfigError(f"the signature is not that of `rules_key`: somebody changed the manifest; {_AGAIN}", NAME)
    return _manifest(_json(payload))


def claimed(text: str) -> int:
    """The version that a manifest says it has, verified or not. Raises ConfigError where it says none."""
    match = _COMPACT.fullmatch(text)
    if not match:
        raise _damaged()
    return _manifest(_json(_decoded(match[2]))).version


def check(manifest: Manifest, files: Mapping[str, str]) -> None:
    """Raises ConfigError for the first file that is not as it was signed, is missing, or is one too many."""
    there = hashes(files)
    for name in sorted(there.keys() | manifest.files.keys()):
        if name not in manifest.files:
            raise ConfigError(
                f"not among the files of the signed version {manifest.version}; remove it, or {_AGAIN}", name
            )
        if name not in there:
            raise ConfigError(f"missing, though the signed version {manifest.version} has it; {_AGAIN}", name)
        if there[name] != manifest.files[name]:
            raise ConfigError(
                f"not as it is in the signed version {manifest.version}; bring it back, or {_AGAIN}", name
            )


def hashes(files: Mapping[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}


def _public(key: ec.EllipticCurvePublicKey) -> PublicKey:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(serialization.Encoding.DER, form)
    return PublicKey(hashlib.sha256(der).hexdigest()[:16], CryptographyECKey(key, ALG))


def _signed(signed: bytes, signature: bytes, key: PublicKey) -> bool:
    try:
        return key.jose.verify(signed, signature) is True
    except Exception:  # python-jose lets out what it likes
        return False


def _manifest(payload: Mapping[str, Any]) -> Manifest:
    version, files = payload.get("version"), payload.get("files")
    if (
        payload.keys() != {"version", "files"}
        or not isinstance(version, strictjson.Number)
        or not isinstance(files, dict)
    ):
        raise _damaged()
    if not re.fullmatch(r"[1-9][0-9]{0,14}", version):
        raise _damaged()
    if not all(type(held) is str and re.fullmatch(_HASH, held) for held in files.values()):
        raise _damaged()
    return Manifest(int(version), files)


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = strictjson.parse(data)
    except Malformed:
        raise _damaged() from None
    if not isinstance(value, dict):
        raise _damaged()
    return value


def _decoded(segment: str) -> bytes:
    """Only what encodes to *segment* again."""
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise _damaged() from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        raise _damaged()
    return data


def _damaged() -> ConfigError:
    return ConfigError(f"damaged, or no manifest at all; {_AGAIN}", NAME)
