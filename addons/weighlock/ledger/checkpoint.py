"""Checkpoints: the tree's size and root, signed. C2SP tlog-checkpoint in a C2SP signed-note, by Ed25519.

Keys have the text forms of Go's `sumdb/note`: `name+hash+base64` for verifying, `PRIVATE+KEY+name+hash+base64` for
signing, so that others' tools read them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from weighlock.ledger.merkle import HASH_SIZE

LIMIT = 16384
"""Largest note that is read, in characters."""

_ED25519 = b"\x01"
_NAME = r"[^+\s]{1,200}"
_VKEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+(\S+)")
_SKEY = re.compile(rf"PRIVATE\+KEY\+({_NAME})\+([0-9a-f]{{8}})\+(\S+)")
_SIGNATURE = re.compile(rf"— ({_NAME}) (\S+)")


class BadNote(ValueError):
    """A note that is not a checkpoint signed by the key at hand; the message says what is wrong with it."""


class OtherKey(BadNote):
    """It may be signed, and is not by the key at hand."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    """The log's name, which is the name of the key that signs it."""
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Verifier:
    name: str
    public: bytes
    """The raw Ed25519 public key, 32 bytes."""

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """ValueError where *vkey* is not an Ed25519 verifier key."""
        name, public = _parse_key(_VKEY, vkey.strip())
        verifier = cls(name, public)
        if verifier.text != vkey.strip():
            raise ValueError("the key's hash is not that of its name and bytes")
        return verifier

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class Signer:
    name: str
    seed: bytes = field(repr=False)
    """The Ed25519 private key, 32 random bytes."""

    @classmethod
    def parse(cls, skey: str) -> Signer:
        """ValueError, without a word of it, where *skey* is not an Ed25519 signer key."""
        signer = cls(*_parse_key(_SKEY, skey.strip()))
        if signer.text != skey.strip():
            raise ValueError("the key's hash is not that of its name and bytes")
        return signer

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._key.public_key().public_bytes_raw())

    @property
    def text(self) -> str:
        """The private key itself, for its file alone."""
        key = base64.b64encode(_ED25519 + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{key}"

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, size: int, root: bytes) -> str:
        """The note that says: the log of this name has *size* leaves and this *root*."""
        text = f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = self.verifier.key_id + self._key.sign(text.encode())
        return f"{text}\n— {self.name} {base64.b64encode(signature).decode()}\n"


def verify(note: str, verifier: Verifier) -> Checkpoint:
    """What *note* says, if *verifier* signed it; else BadNote. Signatures by other keys are ignored, as C2SP asks."""
    text, blank, signatures = note.rpartition("\n\n")
    if len(note) > LIMIT or not blank or not signatures.endswith("\n"):
        raise BadNote("not a signed note")
    text += "\n"
    mine = []
    for line in signatures[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if not match:
            raise BadNote("not a signed note")
        signature = _b64(match[2])
        if match[1] == verifier.name and signature[:4] == verifier.key_id:
            mine.append(signature[4:])
    if not mine:
        raise OtherKey("not signed by this key")
    for signature in mine:
        try:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
        except InvalidSignature:
            raise BadNote("the signature is wrong") from None
    checkpoint = _parse(text)
    if checkpoint.origin != verifier.name:
        raise BadNote("of another log")
    return checkpoint


def _parse(text: str) -> Checkpoint:
    origin, *rest = text.split("\n")
    if len(rest) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,17}", rest[0]) or "" in rest[:-1]:
        raise BadNote("not a checkpoint")
    root = _b64(rest[1])
    if len(root) != HASH_SIZE:
        raise BadNote("not a checkpoint")
    return Checkpoint(origin, int(rest[0]), root)


def _b64(text: str) -> bytes:
    """Standard base64 in its one canonical spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise BadNote("not base64")
    return data


def _parse_key(form: re.Pattern[str], text: str) -> tuple[str, bytes]:
    match = form.fullmatch(text)
    if not match:
        raise ValueError("not a key of the form name+hash+base64")
    key = _b64(match[3])
    if key[:1] != _ED25519 or len(key) != 33:
        raise ValueError("not an Ed25519 key")
    return match[1], key[1:]
