from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgers import SIGNER
from weighlock.ledger import checkpoint
from weighlock.ledger.checkpoint import BadNote, Checkpoint, Signer, Verifier
from weighlock.ledger.merkle import leaf_hash

ROOT = leaf_hash(b"root")
NOTE = SIGNER.sign(7, ROOT)
OTHER = Signer("weighlock/test", b"o" * 32)

# The key pair in the documentation of Go's sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def signed(text: str, signer: Signer = SIGNER) -> str:
    signature = base64.b64encode(signer.verifier.key_id + signer._key.sign(text.encode())).decode()
    return f"{text}\n— {signer.name} {signature}\n"


def test_a_checkpoint_says_what_was_signed() -> None:
    assert checkpoint.verify(NOTE, SIGNER.verifier) == Checkpoint("weighlock/test", 7, ROOT)


def test_the_note_has_the_lines_of_c2sp() -> None:
    origin, size, root, blank, signature, end = NOTE.split("\n")

    assert (origin, size, root, blank, end) == ("weighlock/test", "7", base64.b64encode(ROOT).decode(), "", "")
    assert signature.startswith("— weighlock/test ")


def test_keys_and_signatures_are_those_of_go() -> None:
    signer = Signer.parse(GO_SIGNER)

    assert signer.text == GO_SIGNER
    assert signer.verifier == Verifier.parse(GO_VERIFIER)
    assert signer.verifier.text == GO_VERIFIER
    assert base64.b64encode(signer.verifier.key_id + signer._key.sign(GO_TEXT.encode())).decode() == GO_SIGNATURE


def test_a_private_key_is_in_no_repr() -> None:
    assert "s" * 32 not in repr(SIGNER)
    assert SIGNER.text not in repr(SIGNER)


@given(st.integers(0, len(NOTE) - 1), st.characters(exclude_categories=("Cs",)))
def test_no_character_of_a_note_can_be_changed(at: int, new: str) -> None:
    forged = NOTE[:at] + new + NOTE[at + 1 :]
    if forged != NOTE:
        with pytest.raises(BadNote):
            checkpoint.verify(forged, SIGNER.verifier)


def test_signatures_of_others_are_passed_over() -> None:
    cosigned = NOTE + signed("anything\n", Signer("witness.example", b"w" * 32)).rpartition("\n\n")[2]

    assert checkpoint.verify(cosigned, SIGNER.verifier).size == 7


def test_another_key_of_the_same_name_does_not_count() -> None:
    with pytest.raises(BadNote, match="not signed by this key"):
        checkpoint.verify(OTHER.sign(7, ROOT), SIGNER.verifier)


def test_a_checkpoint_of_another_log_does_not_count() -> None:
    text = NOTE.rpartition("\n\n")[0].replace("weighlock/test", "weighlock/else") + "\n"

    with pytest.raises(BadNote, match="another log"):
        checkpoint.verify(signed(text), SIGNER.verifier)


_ROOT = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "weighlock/test\n",
        "weighlock/test\n7\n",
        f"weighlock/test\n07\n{_ROOT}\n",
        f"weighlock/test\n-7\n{_ROOT}\n",
        f"weighlock/test\n7\n{_ROOT[:-4]}\n",
        f"weighlock/test\n7\n{_ROOT} \n",
        f"weighlock/test\n7\n{_ROOT}\n\nx\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        checkpoint.verify(signed(text), SIGNER.verifier)


def test_extension_lines_are_allowed() -> None:
    assert checkpoint.verify(signed(f"weighlock/test\n7\n{_ROOT}\nmore\n"), SIGNER.verifier).size == 7


@pytest.mark.parametrize("note", ["", "\n\n", "x", NOTE[:-1], NOTE + "x" * checkpoint.LIMIT, NOTE + "\n"])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        checkpoint.verify(note, SIGNER.verifier)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        SIGNER.text,
        SIGNER.verifier.text.replace("weighlock", "weighlook"),
        "name+00000000+AAAA",
        SIGNER.verifier.text[:-1] + "+",
        GO_VERIFIER.replace("+AR", "+BB"),
    ],
)
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        Verifier.parse(key)


def test_a_broken_private_key_is_refused_without_a_word_of_it() -> None:
    broken = SIGNER.text.replace("weighlock", "weighlook")
    with pytest.raises(ValueError) as caught:
        Signer.parse(broken)

    assert broken[-20:] not in str(caught.value)
