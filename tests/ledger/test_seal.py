from __future__ import annotations

import dataclasses
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from weighlock.ledger import seal
from weighlock.ledger.seal import NotOpened, open_sealed

AUDITOR, ESCROW, STRANGER = (x25519.Identity.generate() for _ in range(3))
RECIPIENTS = (AUDITOR.to_public(), ESCROW.to_public())
KEY, NONCE, SALT = b"k" * 32, b"n" * 12, b"s" * 32


def sealed(plaintext: bytes, salt: bytes = SALT) -> seal.Sealed:
    return seal.seal(plaintext, RECIPIENTS, key=KEY, nonce=NONCE, salt=salt)


@given(st.binary())
def test_each_recipient_opens_exactly_what_was_sealed(plaintext: bytes) -> None:
    box = sealed(plaintext)

    for identity in (AUDITOR, ESCROW):
        assert open_sealed(box.ref, box.ciphertext, box.wrapped, [identity]) == plaintext


def test_nobody_else_opens_it() -> None:
    box = sealed(b"secret")

    with pytest.raises(NotOpened, match="identity"):
        open_sealed(box.ref, box.ciphertext, box.wrapped, [STRANGER])


@given(st.data())
def test_no_byte_of_the_ciphertext_can_be_changed(data: st.DataObject) -> None:
    box = sealed(b"secret")
    at = data.draw(st.integers(0, len(box.ciphertext) - 1))
    changed = bytearray(box.ciphertext)
    changed[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(NotOpened, match="recorded"):
        open_sealed(box.ref, bytes(changed), box.wrapped, [AUDITOR])


def test_the_key_of_another_payload_does_not_open_it() -> None:
    box, other = sealed(b"one"), seal.seal(b"two", RECIPIENTS, key=b"K" * 32, nonce=NONCE, salt=SALT)

    with pytest.raises(NotOpened, match="key"):
        open_sealed(box.ref, box.ciphertext, other.wrapped, [AUDITOR])


def test_a_plaintext_that_was_not_committed_to_is_not_given_out() -> None:
    box = sealed(b"one")
    ref = dataclasses.replace(box.ref, commitment=sealed(b"two").ref.commitment)

    with pytest.raises(NotOpened, match="commitment"):
        open_sealed(ref, box.ciphertext, box.wrapped, [AUDITOR])


def test_a_decompression_bomb_is_not_blown_up() -> None:
    packed = zlib.compress(bytes(200 << 20), 9)
    ciphertext = NONCE + AESGCM(KEY).encrypt(NONCE, packed, b"weighlock payload 1")
    honest = sealed(b"small")
    ref = dataclasses.replace(honest.ref, sha256=seal.hashlib.sha256(ciphertext).hexdigest())

    with pytest.raises(NotOpened, match="commitment"):
        open_sealed(ref, ciphertext, honest.wrapped, [AUDITOR])


def test_equal_plaintexts_cannot_be_told_from_what_stands_in_clear() -> None:
    assert sealed(b"yes").ref.commitment != sealed(b"yes", salt=b"t" * 32).ref.commitment


def test_neither_plaintext_nor_key_is_in_a_repr() -> None:
    box = sealed(b"secret")

    assert "secret" not in repr(box)
    assert "wrapped" not in repr(box)


@pytest.mark.parametrize("sizes", [(31, 12, 32), (32, 11, 32), (32, 12, 0)])
def test_random_of_the_wrong_size_is_refused(sizes: tuple[int, int, int]) -> None:
    key, nonce, salt = map(bytes, sizes)
    with pytest.raises(ValueError):
        seal.seal(b"", RECIPIENTS, key=key, nonce=nonce, salt=salt)


def test_files_of_keys_are_read_as_age_writes_them() -> None:
    text = f"# created: today\n# public key: {AUDITOR.to_public()}\n{AUDITOR}\n"

    assert [str(identity) for identity in seal.identities(text)] == [str(AUDITOR)]
    assert [str(one) for one in seal.recipients(f"{RECIPIENTS[0]}\n\n{RECIPIENTS[1]}\n")] == list(map(str, RECIPIENTS))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "age1nonsense\n", "AGE-SECRET-KEY-1NONSENSE"])
def test_files_without_a_good_key_are_refused(text: str) -> None:
    for read in (seal.identities, seal.recipients):
        with pytest.raises(ValueError) as caught:
            read(text)

        assert "NONSENSE" not in str(caught.value).upper()
