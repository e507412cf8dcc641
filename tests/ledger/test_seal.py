from __future__ import annotations

import itertools
import secrets

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from pyrage import x25519

from weighlock.adapters.stores.ledgersealer import WRAPS, Sealer
from weighlock.ledger import seal
from weighlock.ledger.seal import NotOpened, open_sealed

AUDITOR, ESCROW, STRANGER = (x25519.Identity.generate() for _ in range(3))
RECIPIENTS = (AUDITOR.to_public(), ESCROW.to_public())
KEY, NONCE, SALT = b"k" * 32, b"n" * 12, b"s" * 32


def sealed(plaintext: bytes, key: bytes = KEY, salt: bytes = SALT) -> seal.Sealed:
    def random(size: int) -> bytes:
        return NONCE if size == len(NONCE) else (key + salt)[:size]

    return Sealer(RECIPIENTS, random, lambda: 0.0).seal(plaintext)


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
    box, other = sealed(b"one"), sealed(b"two", key=b"K" * 32)

    with pytest.raises(NotOpened, match="key"):
        open_sealed(box.ref, box.ciphertext, other.wrapped, [AUDITOR])


def test_a_plaintext_that_was_not_committed_to_is_not_given_out() -> None:
    box = sealed(b"one")
    ref = structs.replace(box.ref, commitment=sealed(b"two").ref.commitment)

    with pytest.raises(NotOpened, match="commitment"):
        open_sealed(ref, box.ciphertext, box.wrapped, [AUDITOR])


def test_a_decompression_bomb_is_not_blown_up() -> None:
    packed = zstandard.ZstdCompressor().compress(bytes(200 << 20))
    ciphertext = NONCE + AESGCM(KEY).encrypt(NONCE, packed, b"weighlock payload 2")
    honest = sealed(b"small")
    ref = structs.replace(honest.ref, sha256=seal.hashlib.sha256(ciphertext).hexdigest())

    with pytest.raises(NotOpened, match="commitment"):
        open_sealed(ref, ciphertext, honest.wrapped, [AUDITOR])


def test_equal_plaintexts_cannot_be_told_from_what_stands_in_clear() -> None:
    assert sealed(b"yes").ref.commitment != sealed(b"yes", salt=b"t" * 32).ref.commitment


def test_neither_plaintext_nor_key_is_in_a_repr() -> None:
    box = sealed(b"secret")

    assert "secret" not in repr(box)
    assert "wrapped" not in repr(box)


def test_many_keys_share_a_wrapping_key_and_each_is_wrapped_alone() -> None:
    sealer = Sealer(RECIPIENTS, secrets.token_bytes, lambda: 0.0)
    boxes = [sealer.seal(b"one"), sealer.seal(b"two")]
    sealer.forget()
    boxes.append(sealer.seal(b"three"))

    fronts = [box.wrapped[:-80] for box in boxes]
    assert fronts[0] == fronts[1] != fronts[2]
    assert len({box.wrapped[-80:] for box in boxes}) == 3
    assert [open_sealed(box.ref, box.ciphertext, box.wrapped, [ESCROW]) for box in boxes] == [b"one", b"two", b"three"]
    for one, other in itertools.permutations(boxes, 2):  # what is left when one row is destroyed opens nothing of it
        with pytest.raises(NotOpened, match="key"):
            open_sealed(one.ref, one.ciphertext, other.wrapped, [AUDITOR])


def test_a_wrapping_key_wraps_so_many_and_no_more() -> None:
    sealer = Sealer(RECIPIENTS, secrets.token_bytes, lambda: 0.0)
    fronts = [sealer.seal(b"").wrapped[:-80] for _ in range(WRAPS + 1)]

    assert len(set(fronts)) == 2
    assert fronts[0] == fronts[WRAPS - 1] != fronts[WRAPS]


def test_a_wrapping_key_is_used_for_a_second_and_no_longer() -> None:
    now = [100.0]
    sealer = Sealer(RECIPIENTS, secrets.token_bytes, lambda: now[0])
    fronts = []
    for now[0] in (100.0, 100.9, 101.1):
        fronts.append(sealer.seal(b"").wrapped[:-80])

    assert fronts[0] == fronts[1] != fronts[2]


@pytest.mark.parametrize("wrapped", [b"", b"x" * 79, b"x" * 80, b"x" * 300])
def test_what_is_no_wrapped_key_opens_nothing(wrapped: bytes) -> None:
    box = sealed(b"secret")

    with pytest.raises(NotOpened):
        open_sealed(box.ref, box.ciphertext, wrapped, [AUDITOR])


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
