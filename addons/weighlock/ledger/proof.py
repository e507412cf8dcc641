"""Proofs as files: that an entry is in the tree of a checkpoint, and that one checkpoint's tree extends another's.

An inclusion is a C2SP tlog-proof@v1, with the entry's bytes as its extra data. A consistency is the body of a C2SP
tlog-witness `add-checkpoint` request. Any tool for these formats checks them; nothing else of the ledger is needed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from weighlock.ledger import checkpoint, merkle
from weighlock.ledger.checkpoint import BadNote, Checkpoint, Verifier

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST = 63
"""Most hashes of a proof."""
LIMIT = 4 << 20
"""Largest proof that is read, in characters."""

_NUMBER = r"(0|[1-9][0-9]{0,17})"
_INCLUSION = re.compile(rf"{re.escape(HEADER)}\nextra (\S+)\nindex {_NUMBER}\n((?:\S+\n)*)\n(.+)", re.DOTALL)
_CONSISTENCY = re.compile(rf"old {_NUMBER}\n((?:\S+\n)*)\n(.+)", re.DOTALL)


class BadProof(ValueError):
    """What proves nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    index: int
    entry: bytes
    hashes: Sequence[bytes] = field(repr=False)
    """From the leaf's sibling up."""
    note: str = field(repr=False)
    """The signed checkpoint."""

    @property
    def text(self) -> str:
        extra = base64.b64encode(self.entry).decode()
        return f"{HEADER}\nextra {extra}\nindex {self.index}\n{_lines(self.hashes)}\n{self.note}"

    def check(self, verifier: Verifier) -> Checkpoint:
        """The checkpoint whose tree the entry is in; else BadProof."""
        said = _signed(self.note, verifier)
        leaf = merkle.leaf_hash(self.entry)
        if not merkle.verify_inclusion(leaf, self.index, said.size, said.root, self.hashes):
            raise BadProof(f"entry {self.index} is not in the tree of {said.size} entries")
        return said


@dataclass(frozen=True, slots=True)
class Consistency:
    old: int
    """Entries of the older tree."""
    hashes: Sequence[bytes] = field(repr=False)
    note: str = field(repr=False)
    """The newer checkpoint."""

    @property
    def text(self) -> str:
        return f"old {self.old}\n{_lines(self.hashes)}\n{self.note}"

    def check(self, verifier: Verifier, old_note: str) -> Checkpoint:
        """The newer checkpoint, if its tree extends that of *old_note*; else BadProof. The log's key signed both."""
        old, said = _signed(old_note, verifier), _signed(self.note, verifier)
        if old.size != self.old:
            raise BadProof(f"the proof is from {self.old} entries on, and the older checkpoint covers {old.size}")
        if not merkle.verify_consistency(old.size, said.size, old.root, said.root, self.hashes):
            raise BadProof(f"the tree of {said.size} entries does not extend that of {old.size}: the log was forked")
        return said


def parse(text: str) -> Inclusion | Consistency:
    """BadProof where *text* is neither. Nothing of it is true before its `check`."""
    if len(text) > LIMIT:
        raise BadProof("too large")
    if match := _INCLUSION.fullmatch(text):
        return Inclusion(int(match[2]), _b64(match[1]), _hashes(match[3]), match[4])
    if match := _CONSISTENCY.fullmatch(text):
        return Consistency(int(match[1]), _hashes(match[2]), match[3])
    raise BadProof("not a proof")


def _signed(note: str, verifier: Verifier) -> Checkpoint:
    try:
        return checkpoint.verify(note, verifier)
    except BadNote as error:
        raise BadProof(f"the checkpoint: {error}") from None


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(node).decode()}\n" for node in hashes)


def _hashes(lines: str) -> list[bytes]:
    nodes = [_b64(line) for line in lines.splitlines()]
    if len(nodes) > LONGEST or any(len(node) != merkle.HASH_SIZE for node in nodes):
        raise BadProof("not hashes of a proof")
    return nodes


def _b64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise BadProof("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise BadProof("not base64")
    return data
