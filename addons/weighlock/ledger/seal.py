"""Payloads sealed for the auditor: compressed, under a key of their own, and that key under the auditor's.

Each payload's key stands once, wrapped, beside no other's: whoever destroys that has erased the payload and none else.
It is wrapped under a wrapping key, which is sealed to the recipients with age and stands in front. A wrapping key may
wrap many keys, for sealing one costs more than all else; whoever holds it opens what it wrapped, so its life is short.

What the tree commits to is the hash of the ciphertext, so a payload can be erased and the log still verifies; and an
HMAC of the plaintext under a sealed salt, so the auditor can show that the bytes are the very ones, while nobody can
guess a short plaintext from the log alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyrage
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weighlock.ledger.entry import PayloadRef

KEY_SIZE = 32
NONCE_SIZE = 12
SALT_SIZE = 32

_PAYLOAD = b"weighlock payload 2"
_KEY = b"weighlock key 2"
_WRAPPED = KEY_SIZE + SALT_SIZE + 16
"""Bytes of a wrapped key and salt."""


class NotOpened(ValueError):
    """A payload that could not be opened; the message says why and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    ref: PayloadRef
    ciphertext: bytes = field(repr=False)
    """Nonce, then AES-256-GCM output."""
    wrapped: bytes = field(repr=False)
    """An age file of the wrapping key for the recipients, then key and salt under it, with the same nonce."""


class WrappingKey:
    """*key* is random; *recipients* are age recipients."""

    def __init__(self, key: bytes, recipients: Sequence[Any]) -> None:
        self.cipher = AESGCM(key)
        self.sealed: bytes = pyrage.encrypt(key, list(recipients))


def seal(
    plaintext: bytes, wrapping: WrappingKey, compressor: zstandard.ZstdCompressor, *, secret: bytes, nonce: bytes
) -> Sealed:
    """*secret* is the payload's key and salt; it and *nonce* are random, and for this payload alone."""
    if (len(secret), len(nonce)) != (KEY_SIZE + SALT_SIZE, NONCE_SIZE):
        raise ValueError("key and salt or nonce of the wrong size")
    ciphertext = nonce + AESGCM(secret[:KEY_SIZE]).encrypt(nonce, compressor.compress(plaintext), _PAYLOAD)
    wrapped = wrapping.sealed + wrapping.cipher.encrypt(nonce, secret, _KEY)
    ref = PayloadRef(
        sha256=hashlib.sha256(ciphertext).hexdigest(),
        commitment=_commitment(secret[KEY_SIZE:], plaintext),
        size=len(plaintext),
        key=hashlib.sha256(wrapped).hexdigest(),
    )
    return Sealed(ref, ciphertext, wrapped)


def open_sealed(ref: PayloadRef, ciphertext: bytes, wrapped: bytes, identities: Sequence[Any]) -> bytes:
    """The plaintext, only if it is exactly what *ref* commits to; else NotOpened. *identities* are age identities."""
    if hashlib.sha256(ciphertext).hexdigest() != ref.sha256:
        raise NotOpened("the payload is not the one that was recorded")
    try:
        wrapping = pyrage.decrypt(wrapped[:-_WRAPPED], list(identities))
    except pyrage.DecryptError:
        raise NotOpened("this identity does not open the payload") from None
    nonce = ciphertext[:NONCE_SIZE]
    try:
        secret = AESGCM(wrapping).decrypt(nonce, wrapped[-_WRAPPED:], _KEY)
        key, salt = secret[:KEY_SIZE], secret[KEY_SIZE:]
        packed = AESGCM(key).decrypt(nonce, ciphertext[NONCE_SIZE:], _PAYLOAD)
        plaintext = zstandard.ZstdDecompressor().stream_reader(packed).read(ref.size + 1)
    except (InvalidTag, ValueError, zstandard.ZstdError):
        raise NotOpened("the payload's key is not its own") from None
    if not hmac.compare_digest(_commitment(salt, plaintext), ref.commitment):
        raise NotOpened("the payload does not meet its commitment")
    return plaintext


def recipients(text: str) -> tuple[Any, ...]:
    """The age recipients in *text*, one a line, `#` for comments; ValueError where there is none or a bad one."""
    return _keys(text, pyrage.x25519.Recipient.from_str, "an age recipient (age1…)")


def identities(text: str) -> tuple[Any, ...]:
    """The age identities in *text*, as age-keygen writes them; ValueError, without a word of it, for anything else."""
    return _keys(text, pyrage.x25519.Identity.from_str, "an age identity (AGE-SECRET-KEY-1…)")


def _keys(text: str, read: Any, what: str) -> tuple[Any, ...]:
    lines = [line.strip() for line in text.splitlines()]
    keys = []
    for line in lines:
        if line and not line.startswith("#"):
            try:
                keys.append(read(line))
            except (pyrage.RecipientError, pyrage.IdentityError):
                raise ValueError(f"a line that is not {what}") from None
    if not keys:
        raise ValueError(f"no line with {what}")
    return tuple(keys)


def _commitment(salt: bytes, plaintext: bytes) -> str:
    return hmac.digest(salt, plaintext, "sha256").hex()
