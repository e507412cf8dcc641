"""The Merkle tree of RFC 6962: appending, roots, and proofs with their checks. Hashes are 32 bytes of SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_SIZE = 32


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that appending and the root need, O(log size) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[tuple[int, bytes]] = []  # (height, hash) of the complete subtrees, left to right

    def add(self, leaf: bytes) -> None:
        height = 0
        while self._edge and self._edge[-1][0] == height:
            leaf = _node(self._edge.pop()[1], leaf)
            height += 1
        self._edge.append((height, leaf))
        self.size += 1

    def root(self) -> bytes:
        if not self._edge:
            return hashlib.sha256().digest()
        result = self._edge[-1][1]
        for _, left in reversed(self._edge[:-1]):
            result = _node(left, result)
        return result

    def copy(self) -> Frontier:
        twin = Frontier()
        twin.size, twin._edge = self.size, self._edge.copy()
        return twin


def root(leaves: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


def _split(size: int) -> int:
    """The largest power of two below *size*, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """That the leaf at *index* is in the tree of *leaves* (RFC 6962, 2.1.1). IndexError where there is none."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*inclusion_proof(index, leaves[:half]), root(leaves[half:])]
    return [*inclusion_proof(index - half, leaves[half:]), root(leaves[:half])]


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """That the tree of *leaves* began with its first *old* ones (RFC 6962, 2.1.2). IndexError out of 1..size."""
    if not 0 < old <= len(leaves):
        raise IndexError(old)
    return _subproof(old, leaves, known=True)


def _subproof(old: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    """*known*: whether the verifier has this subtree's root already, as the old tree's."""
    if old == len(leaves):
        return [] if known else [root(leaves)]
    half = _split(len(leaves))
    if old <= half:
        return [*_subproof(old, leaves[:half], known=known), root(leaves[half:])]
    return [*_subproof(old - half, leaves[half:], known=False), root(leaves[:half])]


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether *proof* shows *leaf* at *index* of the tree with *size* leaves and *root* (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = _node(sibling, result)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            result = _node(result, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether *proof* shows that the tree of *size* leaves extends the one of *old* leaves (RFC 9162, 2.1.4.2).

    Nothing is shown about an empty old tree: False.
    """
    if not 0 < old <= size:
        return False
    if old == size:
        return old_root == root and not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = _node(sibling, before), _node(sibling, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = _node(after, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == root
