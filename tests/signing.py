"""Keys that sign rules, made anew for each run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from weighlock.adapters.rulebook import read
from weighlock.policy import manifest
from weighlock.policy.manifest import PublicKey

type Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> Self:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def private_pem(self) -> bytes:
        return private_pem(self.key)

    @property
    def public_pem(self) -> bytes:
        return public_pem(self.key)

    @property
    def public(self) -> PublicKey:
        return manifest.public_key(self.public_pem)

    def sign(self, folder: Path, version: int) -> None:
        """Sign the rules in *folder*, good or bad, as a signer who checks nothing."""
        (folder / manifest.NAME).write_text(manifest.sign(read(folder), version, self.private_pem))

    def raw(self, data: bytes) -> bytes:
        """An ES256 signature, as a JWS has it."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def spoiled(self, path: Path, how: str) -> str:
        """Write what is no public key for ES256 to *path*; what is to be said of it."""
        written = {
            "private": (self.private_pem, "the private key, which only the signer has; `openssl pkey"),
            "RSA": (public_pem(rsa.generate_private_key(65537, 2048)), "not a key for ES256, which is EC on P-256"),
            "P-384": (public_pem(ec.generate_private_key(ec.SECP384R1())), "not a key for ES256"),
            "nothing": (b"", "not a public key; `openssl pkey -in KEY -pubout` makes"),
        }
        if how in written:
            path.write_bytes(written[how][0])
            return written[how][1]
        return "cannot be read: No such file"


def private_pem(key: Private) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: Private) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)
