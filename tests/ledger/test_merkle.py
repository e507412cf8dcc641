from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.ledger import merkle
from weighlock.ledger.merkle import Frontier, Subtrees, leaf_hash

# The inputs and roots with which Certificate Transparency's implementations test themselves.
CT_INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(count)]


@pytest.mark.parametrize(("size", "expected"), CT_ROOTS.items())
def test_roots_are_those_of_certificate_transparency(size: int, expected: str) -> None:
    assert merkle.root([leaf_hash(data) for data in CT_INPUTS[:size]]).hex() == expected


def test_a_copy_of_a_frontier_grows_on_its_own() -> None:
    frontier = Frontier()
    frontier.add(leaf_hash(b"a"))
    before = frontier.root()
    frontier.copy().add(leaf_hash(b"b"))

    assert (frontier.size, frontier.root()) == (1, before)


def known(tree: list[bytes]) -> Subtrees:
    return Subtrees(0, b"", tree)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_leaf_is_proven_and_no_other(size: int) -> None:
    tree, top = leaves(size), merkle.root(leaves(size))
    for index, leaf in enumerate(tree):
        proof = merkle.inclusion_proof(index, known(tree))

        assert merkle.verify_inclusion(leaf, index, size, top, proof)
        assert not merkle.verify_inclusion(leaf_hash(b"other"), index, size, top, proof)
        assert not merkle.verify_inclusion(leaf, index, size, leaf_hash(b"other"), proof)
        assert not merkle.verify_inclusion(leaf, index, size, top, [*proof, leaf])
        assert not proof or not merkle.verify_inclusion(leaf, index, size, top, proof[:-1])
        assert not merkle.verify_inclusion(leaf, size, size, top, proof)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_earlier_tree_is_proven_and_no_other(size: int) -> None:
    tree, top = leaves(size), merkle.root(leaves(size))
    for old in range(1, size + 1):
        proof, before = merkle.consistency_proof(old, known(tree)), merkle.root(tree[:old])

        assert merkle.verify_consistency(old, size, before, top, proof)
        assert not merkle.verify_consistency(old, size, leaf_hash(b"other"), top, proof)
        assert not merkle.verify_consistency(old, size, before, leaf_hash(b"other"), proof)
        assert not merkle.verify_consistency(old, size, before, top, [*proof, before])
        assert not proof or not merkle.verify_consistency(old, size, before, top, proof[:-1])


@given(st.integers(2, 60), st.data())
def test_a_forked_history_has_no_proof(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    forked = leaves(size)
    forked[data.draw(st.integers(0, old - 1))] = leaf_hash(b"forged")
    proof = merkle.consistency_proof(old, known(forked))

    assert not merkle.verify_consistency(old, size, merkle.root(leaves(old)), merkle.root(forked), proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(index, known(leaves(size)))


@pytest.mark.parametrize("old", [-1, 0, 4])
def test_there_is_no_proof_for_a_tree_that_never_was(old: int) -> None:
    with pytest.raises(IndexError):
        merkle.consistency_proof(old, known(leaves(3)))


@given(st.integers(1, 60), st.data())
def test_proofs_need_no_more_than_an_edge_and_the_leaves_behind_it(size: int, data: st.DataObject) -> None:
    tree, first, before = leaves(size), data.draw(st.integers(0, size)), Frontier()
    for leaf in tree[:first]:
        before.add(leaf)
    rest = Subtrees(first, before.edge, tree[first:])

    for old in range(max(1, first), size + 1):
        assert merkle.consistency_proof(old, rest) == merkle.consistency_proof(old, known(tree))
    for index in range(first, size):
        assert merkle.inclusion_proof(index, rest) == merkle.inclusion_proof(index, known(tree))
    assert rest.root(0, size) == merkle.root(tree)


def test_what_takes_leaves_that_are_not_known_is_not_proven() -> None:
    before = Frontier()
    for leaf in leaves(6):
        before.add(leaf)
    rest = Subtrees(6, before.edge, leaves(9)[6:])

    with pytest.raises(IndexError):
        merkle.inclusion_proof(5, rest)
    with pytest.raises(IndexError):
        merkle.consistency_proof(3, rest)
    with pytest.raises(ValueError):
        Subtrees(6, before.edge[1:], [])


def test_an_empty_tree_proves_nothing() -> None:
    assert not merkle.verify_consistency(0, 3, merkle.root([]), merkle.root(leaves(3)), [])
