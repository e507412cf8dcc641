from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgers import SIGNER, ledger_rows
from weighlock.ledger import merkle, proof
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.merkle import Frontier, Subtrees
from weighlock.ledger.proof import BadProof, Consistency, Inclusion

SIZE = 21
ROWS = ledger_rows(SIZE, every=SIZE).rows
LEAVES = [row.leaf for row in ROWS]


def note(size: int, signer: Signer = SIGNER) -> str:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.add(leaf)
    return signer.sign(size, frontier.root())


def tree_of(size: int) -> Subtrees:
    return Subtrees(0, b"", LEAVES[:size])


def inclusion(index: int, size: int = SIZE) -> Inclusion:
    return Inclusion(index, ROWS[index].entry, merkle.inclusion_proof(index, tree_of(size)), note(size))


def included(text: str) -> None:
    made = proof.parse(text)
    assert isinstance(made, Inclusion)
    made.check(SIGNER.verifier)


def consistency(old: int, size: int = SIZE) -> Consistency:
    return Consistency(old, merkle.consistency_proof(old, tree_of(size)), note(size))


@given(st.data())
def test_a_proof_reads_back_and_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SIZE))
    index = data.draw(st.integers(0, size - 1))
    one, two = inclusion(index, size), consistency(index + 1, size)

    assert proof.parse(one.text) == one
    assert proof.parse(two.text) == two
    assert one.check(SIGNER.verifier).size == size
    assert two.check(SIGNER.verifier, note(index + 1)).size == size


@given(st.integers(0, len(inclusion(5).text) - 1), st.characters(exclude_categories=("Cs",)))
def test_no_character_of_a_proof_can_be_changed(at: int, new: str) -> None:
    text = inclusion(5).text
    forged = text[:at] + new + text[at + 1 :]
    if forged != text:
        with pytest.raises(BadProof):
            included(forged)


def test_a_fork_is_not_consistent() -> None:
    forked = SIGNER.sign(7, b"f" * 32)

    with pytest.raises(BadProof, match="forked"):
        consistency(7).check(SIGNER.verifier, forked)
    with pytest.raises(BadProof, match="covers 8"):
        consistency(7).check(SIGNER.verifier, note(8))


def test_another_key_proves_nothing() -> None:
    with pytest.raises(BadProof, match="not signed by this key"):
        inclusion(3).check(Signer(SIGNER.name, b"x" * 32).verifier)


@pytest.mark.parametrize(
    "text", ["", "old 1\n", "old 01\n\nx", f"{proof.HEADER}\nindex 0\n\nx", "x" * (proof.LIMIT + 1)]
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(BadProof):
        proof.parse(text)


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker in Go, built with Debian's golang-golang-x-mod-dev."""
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache")}
    source = Path(__file__).with_name("proofs.go")
    subprocess.run(["go", "build", "-o", folder / "proofs", source], check=True, env=environment, timeout=300)
    return folder / "proofs"


def test_go_checks_our_checkpoints_and_proofs(go: Path) -> None:
    key = SIGNER.verifier.text
    stranger = Signer(SIGNER.name, b"x" * 32)
    asked = [{"Key": key, "Old": "", "Proof": inclusion(index).text} for index in range(SIZE)]
    asked += [{"Key": key, "Old": note(old), "Proof": consistency(old).text} for old in range(1, SIZE + 1)]
    wrong = [
        {"Key": key, "Old": "", "Proof": inclusion(3).text.replace("index 3", "index 4")},
        {"Key": key, "Old": "", "Proof": inclusion(3).text.replace(base64.b64encode(ROWS[3].entry).decode(), "e30=")},
        {"Key": key, "Old": SIGNER.sign(7, b"f" * 32), "Proof": consistency(7).text},
        {"Key": key, "Old": note(7, stranger), "Proof": consistency(7).text},
        {"Key": stranger.verifier.text, "Old": "", "Proof": inclusion(3).text},
    ]

    said = subprocess.run([go], input=json.dumps(asked + wrong), capture_output=True, text=True, check=True, timeout=60)

    answers = said.stdout.splitlines()
    assert answers[: len(asked)] == ["yes"] * len(asked)
    assert len(answers) == len(asked) + len(wrong)
    assert all(answer.startswith("no: ") for answer in answers[len(asked) :])
