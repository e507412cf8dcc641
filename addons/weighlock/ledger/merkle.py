"""The Merkle tree of RFC 6962: appending, roots, and proofs with their checks. Hashes are 32 bytes of SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256 as _sha256

HASH_SIZE = 32


def leaf_hash(data: bytes) -> bytes:
    return _sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: all that appending and the root need, O(log size) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # the complete subtrees, one for each bit of the size, the largest first

    def add(self, leaf: bytes) -> None:
        edge, rest = self._edge, self.size
        while rest & 1:
            leaf = _sha256(b"\x01" + edge.pop() + leaf).digest()
            rest >>= 1
        edge.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self._edge:
            return _sha256().digest()
        result = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            result = _node(left, result)
        return result

    @property
    def edge(self) -> bytes:
        """The hashes of the complete subtrees, the largest first."""
        return b"".join(self._edge)

    @classmethod
    def of(cls, size: int, edge: bytes) -> Frontier:
        """That of *size* leaves with that *edge*; ValueError where it is not as long. Only a root vouches for it."""
        if len(edge) != HASH_SIZE * size.bit_count():
            raise ValueError("not the edge of so many leaves")
        made = cls()
        made.size, made._edge = size, [edge[at : at + HASH_SIZE] for at in range(0, len(edge), HASH_SIZE)]
        return made

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


class Subtrees:
    """The roots of a tree's subtrees, from the edge of its first *known* leaves and those that came *later*.

    ValueError where *edge* is not that of so many leaves; whether it is the very one, only its root tells.
    """

    def __init__(self, known: int, edge: bytes, later: Sequence[bytes]) -> None:
        self.size = known + len(later)
        self._known, self._later = known, later
        self._subtrees: dict[tuple[int, int], bytes] = {}
        first = 0
        for subtree in Frontier.of(known, edge)._edge:
            end = first + (1 << (known - first).bit_length() - 1)
            self._subtrees[first, end] = subtree
            first = end

    def root(self, first: int, end: int) -> bytes:
        """Of the leaves from *first* up to, and without, *end*. IndexError where it takes leaves that are not known."""
        if first >= self._known:
            return root(self._later[first - self._known : end - self._known])
        if subtree := self._subtrees.get((first, end)):
            return subtree
        if end - first == 1:
            raise IndexError(first)
        half = first + _split(end - first)
        return _node(self.root(first, half), self.root(half, end))


def inclusion_proof(index: int, tree: Subtrees) -> list[bytes]:
    """That the leaf at *index* is in *tree* (RFC 6962, 2.1.1). IndexError where there is none."""
    if not 0 <= index < tree.size:
        raise IndexError(index)
    return _path(index, 0, tree.size, tree)


def _path(index: int, first: int, end: int, tree: Subtrees) -> list[bytes]:
    if end - first == 1:
        return []
    half = first + _split(end - first)
    if index < half:
        return [*_path(index, first, half, tree), tree.root(half, end)]
    return [*_path(index, half, end, tree), tree.root(first, half)]


def consistency_proof(old: int, tree: Subtrees) -> list[bytes]:
    """That *tree* began with its first *old* leaves (RFC 6962, 2.1.2). IndexError out of 1..size, and where it takes
    leaves that are not known.
    """
    if not 0 < old <= tree.size:
        raise IndexError(old)
    return _subproof(old, 0, tree.size, tree, known=True)


def _subproof(old: int, first: int, end: int, tree: Subtrees, *, known: bool) -> list[bytes]:
    """Of the leaves from *first* to *end*. *known*: whether the verifier has this subtree's root already, as the old
    tree's.
    """
    if old == end:
        return [] if known else [tree.root(first, end)]
    half = first + _split(end - first)
    if old <= half:
        return [*_subproof(old, first, half, tree, known=known), tree.root(half, end)]
    return [*_subproof(old, half, end, tree, known=False), tree.root(first, half)]


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
