"""Rules that must be signed: whatever is done to them or to the signature, the last good version stays in force."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import smallrules
from signing import Pair
from weighlock.adapters import rulewatch
from weighlock.adapters.rulebook import NONE, contents, digest, read
from weighlock.adapters.rulewatch import Rulebook
from weighlock.adapters.signed import FILE, Signed, public_key
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.policy import manifest

KEY, OTHER = Pair.new(), Pair.new()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Signed as version 7."""
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    folder = smallrules.write(tmp_path / "rules")
    KEY.sign(folder, 7)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def start(folder: Path, state: Path) -> Rulebook:
    book = Rulebook(folder, OPERATORS, lambda *_: None, Signed(KEY.public, state))
    book.check()
    return book


def edit(folder: Path, text: str = "# edited\n") -> None:
    with (folder / "policy" / "default.yaml").open("a") as file:
        file.write(text)


def test_signed_rules_come_into_force_with_their_version(folder: Path, state: Path) -> None:
    book = start(folder, state)
    assert (book.current.version, book.current.digest) == (7, digest(read(folder)))
    assert (state / FILE).read_text() == f"7 {book.current.digest}\n"
    edit(folder)
    KEY.sign(folder, 8)

    assert book.check() == ("loaded", f"{digest(read(folder))}, signed as version 8")
    assert book.current.version == 8


def test_a_gateway_that_asks_for_no_signature_passes_over_a_manifest(folder: Path) -> None:
    edit(folder)
    book = Rulebook(folder, OPERATORS, lambda *_: None)

    assert book.check() == ("loaded", book.current.digest)
    assert book.current.version == 0


# -- what is done to the files, and to the manifest --------------------------------------------------------------------


def segments(folder: Path) -> list[str]:
    return (folder / manifest.NAME).read_text().strip().split(".")


def forge(folder: Path, header: dict[str, Any], sign: Callable[[bytes], bytes]) -> None:
    """The manifest of the rules as they are, with a header and a signature of somebody else's."""
    payload = {"version": 8, "files": manifest.hashes(read(folder))}
    signed = b".".join(coded(json.dumps(part).encode()) for part in (header, payload))
    (folder / manifest.NAME).write_bytes(b".".join([signed, coded(sign(signed))]))


def coded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def with_hmac(folder: Path) -> None:
    """The confusion of algorithms: the public key, which everybody has, as the secret of an HMAC."""
    forge(folder, {"alg": "HS256", **OURS}, lambda signed: hmac.digest(KEY.public_pem, signed, "sha256"))


def renamed(folder: Path) -> None:
    (folder / "policy" / "default.yaml").rename(folder / "policy" / "other.yaml")


def resigned(folder: Path, version: int, key: Pair = KEY) -> None:
    edit(folder)
    key.sign(folder, version)


def replaced(folder: Path, at: int, text: str) -> None:
    parts = segments(folder)
    parts[at] = text
    (folder / manifest.NAME).write_text(".".join(parts))


OURS = {"typ": manifest.TYPE, "kid": KEY.public.id}
OWN = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
ATTACKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "an edited file": (edit, "policy/default.yaml: not as it is in the signed version 7; bring it back, or sign"),
    "an extra file": (
        lambda folder: (folder / "policy" / "more.yaml").write_text("statements: [{id: more, effect: allow}]"),
        "policy/more.yaml: not among the files of the signed version 7; remove it, or sign",
    ),
    "a missing file": (
        lambda folder: (folder / "detect" / "pii" / "email.yaml").unlink(),
        "detect/pii/email.yaml: missing, though the signed version 7 has it; sign",
    ),
    "a renamed file": (renamed, "policy/default.yaml: missing, though"),
    "a file cut short": (
        lambda folder: (folder / "policy" / "default.yaml").write_text("statements: [{id: a, effect: allow}]"),
        "policy/default.yaml: not as it is in the signed version 7",
    ),
    "a stripped signature": (
        lambda folder: (folder / manifest.NAME).unlink(),
        "manifest.jws: the rules are not signed, and here they must be; `weighlock policy sign` does",
    ),
    "an empty manifest": (lambda folder: (folder / manifest.NAME).write_text(""), "the rules are not signed"),
    "a manifest cut short": (
        lambda folder: (folder / manifest.NAME).write_text((folder / manifest.NAME).read_text()[:-3]),
        "manifest.jws: the signature is not that of `rules_key`",
    ),
    "no manifest": (lambda folder: (folder / manifest.NAME).write_text("not.a manifest"), "manifest.jws: damaged"),
    "a rolled-back version": (
        lambda folder: resigned(folder, 6),
        "manifest.jws: version 6 is older than 7, which was in force; to go back to what it says, sign it as version 8",
    ),
    "a repeated version": (
        lambda folder: resigned(folder, 7),
        "manifest.jws: version 7 was in force with other rules; sign these as version 8",
    ),
    "another key": (
        lambda folder: resigned(folder, 8, OTHER),
        f"manifest.jws: signed with the key {OTHER.public.id}; `rules_key` is {KEY.public.id}: sign with that one",
    ),
    "another key under the right name": (
        lambda folder: forge(folder, {"alg": "ES256", **OURS}, OTHER.raw),
        "manifest.jws: the signature is not that of `rules_key`",
    ),
    "a changed version": (
        lambda folder: replaced(folder, 1, coded(json.dumps({"version": 9, "files": {}}).encode()).decode()),
        "the signature is not that of `rules_key`",
    ),
    "no algorithm": (
        lambda folder: forge(folder, {"alg": "none", **OURS}, lambda _: b"\0"),
        "manifest.jws: not signed with ES256, the one algorithm that counts",
    ),
    "no signature": (
        lambda folder: replaced(folder, 2, ""),
        "manifest.jws: damaged, or no manifest at all",
    ),
    "the public key as a secret": (with_hmac, "manifest.jws: not signed with ES256"),
    "a key of its own": (
        lambda folder: forge(folder, {"alg": "ES256", **OURS, "jwk": OWN}, KEY.raw),
        "manifest.jws: its header is not one that `weighlock policy sign` writes",
    ),
    "a critical extension": (
        lambda folder: forge(folder, {"alg": "ES256", **OURS, "crit": ["b64"], "b64": False}, KEY.raw),
        "its header is not one",
    ),
    "another kind of document": (
        lambda folder: forge(folder, {"alg": "ES256", "typ": "JWT", "kid": KEY.public.id}, KEY.raw),
        "its header is not one",
    ),
    "another spelling": (
        lambda folder: replaced(folder, 0, coded(b'{"alg":"ES256","alg":"ES256"}').decode()),
        "manifest.jws: damaged",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_leaves_the_last_good_rules_in_force_and_says_what_to_do(
    attack: str, folder: Path, state: Path
) -> None:
    book = start(folder, state)
    before = book.current
    done, said = ATTACKS[attack]
    done(folder)
    event = book.check()

    assert event is not None
    assert event[0] == "rejected"
    assert event[1].startswith(said) or said in event[1]
    assert "\n" not in event[1]
    assert book.check() is None
    assert book.current is before
    assert before.version == 7


@pytest.mark.parametrize("attack", ATTACKS)
def test_after_a_restart_an_attack_leaves_nothing_in_force(attack: str, folder: Path, state: Path) -> None:
    start(folder, state)
    ATTACKS[attack][0](folder)

    assert start(folder, state).current is NONE


def test_the_same_version_is_good_again_after_a_restart(folder: Path, state: Path) -> None:
    start(folder, state)

    assert start(folder, state).current.version == 7


def test_signed_rules_that_are_bad_use_up_no_version(folder: Path, state: Path) -> None:
    book = start(folder, state)
    edit(folder, "statments: []\n")
    KEY.sign(folder, 8)
    event = book.check()
    assert event is not None
    assert "unknown key 'statments'" in event[1]
    (folder / "policy" / "default.yaml").write_text(f"{smallrules.POLICY}# other\n")
    KEY.sign(folder, 8)

    assert book.check() == ("loaded", f"{book.current.digest}, signed as version 8")


@pytest.mark.parametrize("text", ["", "7", "7 abc\n", "0 " + "a" * 64 + "\n", "\udcff"])
def test_a_damaged_memory_of_the_last_version_takes_nothing_in(text: str, folder: Path, state: Path) -> None:
    start(folder, state)
    (state / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    book = start(folder, state)

    assert book.current is NONE
    assert FILE in book.complaint


def test_a_version_that_cannot_be_kept_does_not_come_into_force(
    folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    book = start(folder, state)
    before = book.current
    resigned(folder, 8)
    with monkeypatch.context() as patch:
        patch.setattr("weighlock.adapters.signed.os.fsync", full)
        event = book.check()
    assert event == ("rejected", f"{state / FILE}: cannot be written: No space left on device")
    assert book.current is before

    assert book.check() == ("loaded", f"{book.current.digest}, signed as version 8")


@pytest.mark.parametrize("bad", ["private", "RSA", "P-384", "nothing", "missing"])
def test_a_key_that_cannot_verify_is_told(bad: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.pub"
    said = KEY.spoiled(path, bad)

    with pytest.raises(ConfigError, match=said):
        public_key(path)


def test_a_manifest_tells_its_version_before_it_is_verified(folder: Path) -> None:
    assert manifest.claimed(contents(folder)[manifest.NAME]) == 7
