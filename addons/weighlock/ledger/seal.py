"""Payloads sealed for the auditor: compressed, under a key of their own, and that key under the auditor's.

What the tree commits to is the hash of the ciphertext, so a payload can be erased and the log still verifies; and an
HMAC of the plaintext under a sealed salt, so the auditor can show that the bytes are the very ones, while nobody can
guess a short plaintext from the log alone.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weighlock.ledger.entry import PayloadRef

KEY_SIZE = 32
NONCE_SIZE = 12
SALT_SIZE = 32

_PURPOSE = b"weighlock payload 1"


class NotOpened(ValueError):
    """A payload that could not be opened; the message says why and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    ref: PayloadRef
    ciphertext: bytes = field(repr=False)
    """Nonce, then AES-256-GCM output."""
    wrapped: bytes = field(repr=False)
    """Key and salt, as an age file for the recipients. Whoever deletes it has erased the payload."""


def seal(plaintext: bytes, recipients: Sequence[Any], *, key: bytes, nonce: bytes, salt: bytes) -> Sealed:
    """*key*, *nonce* and *salt* are random and used for this payload only. *recipients* are age recipients."""
    if (len(key), len(nonce), len(salt)) != (KEY_SIZE, NONCE_SIZE, SALT_SIZE):
        raise ValueError("key, nonce or salt of the wrong size")
    ciphertext = nonce + AESGCM(key).encrypt(nonce, zlib.compress(plaintext, 1), _PURPOSE)
    wrapped = pyrage.encrypt(key + salt, list(recipients))
    ref = PayloadRef(
        sha256=hashlib.sha256(ciphertext).hexdigest(),
        commitment=_commitment(salt, plaintext),
        size=len(plaintext),
        key=hashlib.sha256(wrapped).hexdigest(),
    )
    return Sealed(ref, ciphertext, wrapped)


def open_sealed(ref: PayloadRef, ciphertext: bytes, wrapped: bytes, identities: Sequence[Any]) -> bytes:
    """The plaintext, only if it is exactly what *ref* commits to; else NotOpened. *identities* are age identities."""
    if hashlib.sha256(ciphertext).hexdigest() != ref.sha256:
        raise NotOpened("the payload is not the one that was recorded")
    try:
        secret = pyrage.decrypt(wrapped, list(identities))
    except pyrage.DecryptError:
        raise NotOpened("this identity does not open the payload") from None
    key, salt = secret[:KEY_SIZE], secret[KEY_SIZE:]
    if len(secret) != KEY_SIZE + SALT_SIZE:
        raise NotOpened("the payload's key is damaged")
    try:
        packed = AESGCM(key).decrypt(ciphertext[:NONCE_SIZE], ciphertext[NONCE_SIZE:], _PURPOSE)
        plaintext = zlib.decompressobj().decompress(packed, ref.size + 1)
    except (InvalidTag, zlib.error):
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
