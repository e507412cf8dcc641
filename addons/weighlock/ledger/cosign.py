"""Witnesses: C2SP tlog-witness's `add-checkpoint`, and tlog-cosignature's cosignature/v1 by Ed25519.

A witness signs a checkpoint only if the log's key did, and only if its tree extends the one that it signed before. So
whoever trusts it knows that nobody was shown another log.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from weighlock.ledger import checkpoint, merkle, proof
from weighlock.ledger.checkpoint import BadNote, Checkpoint, Verifier
from weighlock.ledger.proof import BadProof, Consistency

_COSIGNATURE = b"\x04"
_NAME = r"[^+\s]{1,200}"
_VKEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+(\S+)")
_LINE = re.compile(rf"— ({_NAME}) (\S+)")


class NotCosigned(Exception):
    """What a witness answers instead of a cosignature: the HTTP *status* and *body* that C2SP asks for."""

    def __init__(self, status: int, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.size = size
        """Of the checkpoint that it signed last, where the proof has to begin there."""


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Whose cosignatures are believed."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Cosigner:
        """ValueError where *vkey* is not the key of a cosignature/v1."""
        match = _VKEY.fullmatch(vkey.strip())
        if not match:
            raise ValueError("not a key of the form name+hash+base64")
        try:
            key = base64.b64decode(match[3], validate=True)
        except ValueError:
            raise ValueError("not base64") from None
        made = cls(match[1], key[1:])
        if key[:1] != _COSIGNATURE or len(key) != 33 or made.text != vkey.strip():
            raise ValueError("not a witness's Ed25519 key")
        return made

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.public).digest()[:4]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_COSIGNATURE + self.public).decode()}"

    def when(self, note: str) -> int:
        """Unix seconds at which the witness signed *note*; BadNote where it did not."""
        text, _, signatures = note.rpartition("\n\n")
        for line in signatures.splitlines():
            match = _LINE.fullmatch(line)
            data = checkpoint._b64(match[2]) if match and match[1] == self.name else b""
            if data[:4] == self.key_id and len(data) == 76:
                at = int.from_bytes(data[4:12])
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(data[12:], _message(text + "\n", at))
                except InvalidSignature:
                    raise BadNote(f"the cosignature of {self.name} is wrong") from None
                return at
        raise BadNote(f"not cosigned by {self.name}")


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    seed: bytes = field(repr=False)
    """Its Ed25519 private key, 32 random bytes; for cosignatures alone."""

    @classmethod
    def parse(cls, text: str) -> Witness:
        """ValueError where *text* is not the text of a key."""
        name, _, seed = text.strip().partition(" ")
        key = base64.b64decode(seed, validate=True)
        if not re.fullmatch(_NAME, name) or len(key) != 32:
            raise ValueError("not the key of a witness")
        return cls(name, key)

    @property
    def text(self) -> str:
        """The private key itself, for its file alone."""
        return f"{self.name} {base64.b64encode(self.seed).decode()}"

    @property
    def cosigner(self) -> Cosigner:
        return Cosigner(self.name, self._key.public_key().public_bytes_raw())

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def cosign(self, note: str, now: int) -> str:
        """A signature line under *note*. Only after `judge` had nothing against it, and what it said is durable."""
        text = note.rpartition("\n\n")[0] + "\n"
        data = self.cosigner.key_id + now.to_bytes(8) + self._key.sign(_message(text, now))
        return f"— {self.name} {base64.b64encode(data).decode()}\n"


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def judge(request: str, logs: Mapping[str, Verifier], latest: Mapping[str, Checkpoint]) -> tuple[str, Checkpoint]:
    """The note in *request* and what it says, if it may be cosigned; else NotCosigned.

    *logs* are those that the witness knows, by origin; *latest* what it signed last of each.
    """
    try:
        asked = proof.parse(request)
    except BadProof as error:
        raise NotCosigned(400, str(error)) from None
    if not isinstance(asked, Consistency):
        raise NotCosigned(400, "not an add-checkpoint request")
    verifier = logs.get(asked.note.partition("\n")[0])
    if verifier is None:
        raise NotCosigned(404, "the log is not known here")
    try:
        said = checkpoint.verify(asked.note, verifier)
    except BadNote as error:
        raise NotCosigned(403, str(error)) from None
    if asked.old > said.size:
        raise NotCosigned(400, "the proof begins behind the checkpoint")
    last = latest.get(said.origin)
    size = last.size if last else 0
    if asked.old != size:
        raise NotCosigned(409, f"the last checkpoint covers {size} entries", size)
    if last and said.size == size and said.root != last.root:
        raise NotCosigned(409, "another checkpoint of so many entries was cosigned: the log was forked", size)
    if not (
        merkle.verify_consistency(size, said.size, last.root, said.root, asked.hashes)
        if last and size
        else not asked.hashes
    ):
        raise NotCosigned(422, "the log does not extend what was cosigned: it was forked")
    return asked.note, said
