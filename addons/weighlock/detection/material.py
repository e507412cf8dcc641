"""What an installation knows to be its own: indexed texts, records and canaries, each under a label and hashed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from weighlock.detection.context import lowered
from weighlock.model import Level

LABEL = r"[a-z0-9][a-z0-9-]{0,47}"
_PLANE = 1 << 16
CODE, DOCUMENT, CANARY = "PROPRIETARY_CODE", "DOCUMENT", "CANARY"


class Kind(StrEnum):
    FINGERPRINT = "fingerprint"
    COMMON = "common"
    """Shingles of what everybody has: they are never a finding."""
    RECORD = "record"
    CANARY = "canary"


TAGS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {Kind.FINGERPRINT: ("proprietary",), Kind.RECORD: ("record",), Kind.CANARY: ("canary",)}
)
ENTITIES: Mapping[str, tuple[Level, tuple[str, ...]]] = MappingProxyType(
    {
        CODE: (Level.HIGH, TAGS[Kind.FINGERPRINT]),
        DOCUMENT: (Level.HIGH, TAGS[Kind.FINGERPRINT]),
        CANARY: (Level.CRITICAL, TAGS[Kind.CANARY]),
    }
)
"""Entities that no rule names. Those of records are chosen where they are added."""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands in an index before its hashes."""

    kind: Kind
    name: str
    entity: str
    level: Level
    added: str
    """When, UTC."""
    shapes: tuple[int, ...] = ()
    """Of the values of records: nothing else has to be hashed to be looked up."""
    beginnings: str = field(default="", repr=False)
    """And what they begin with: a bitmap of keyed hashes, hex."""

    @property
    def rule(self) -> str:
        return f"{self.kind}-{self.name}"


def subkey(key: bytes, purpose: str) -> bytes:
    """A key for one *purpose*: equal texts have other hashes for another."""
    return hashlib.blake2b(f"material {purpose}".encode(), key=key, digest_size=32).digest()


def hashes(key: bytes, values: Iterable[bytes]) -> Any:
    """Eight bytes of a keyed hash of each, as numbers: without the key, nobody can test a guess."""
    joined = b"".join(hashlib.blake2b(value, key=key, digest_size=8).digest() for value in values)
    return np.frombuffer(joined, "<u8")


def held(index: Any, wanted: Any) -> Any:
    """Of each of the *wanted* hashes, whether it is in the sorted *index*."""
    if not len(index):
        return np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(index, wanted), len(index) - 1)
    return index[places] == wanted


def bitmap(hashes: Any) -> str:
    """Which of 2**16 places *hashes* fall on."""
    places = np.zeros(_PLANE, bool)
    places[(hashes >> np.uint64(48)).astype(np.intp)] = True
    return np.packbits(places).tobytes().hex()


def places(bitmaps: Iterable[str]) -> Any:
    """Of each of the places, whether one of *bitmaps* has it."""
    taken = np.zeros(_PLANE, bool)
    for one in bitmaps:
        taken |= np.unpackbits(np.frombuffer(bytes.fromhex(one), np.uint8)).astype(bool)
    return taken


def folded(text: str) -> str:
    """In lower case, every character in its place, and one sigma."""
    return lowered(text).replace("ς", "σ")


class Folded:
    """The letters of a text, in lower case, and with *digits* those too. Neither indentation nor line breaks and their
    numbers, quotation marks, comment signs or the way in which words are joined make another text of it.
    """

    def __init__(self, text: str, *, digits: bool = False) -> None:
        codes: Any = np.frombuffer(folded(text).encode("utf-32-le", "surrogatepass"), "<u4")
        self.places: Any = np.flatnonzero(_kept(digits)[np.minimum(codes, _PLANE - 1)])
        """Where each of them stands in the text."""
        self.codes: Any = codes[self.places]

    @property
    def text(self) -> str:
        decoded: str = self.codes.tobytes().decode("utf-32-le", "surrogatepass")
        return decoded

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from *start* to *end*, at least one, stand in the text."""
        return int(self.places[start]), int(self.places[end - 1]) + 1


@functools.cache
def _kept(digits: bool) -> Any:
    """Which characters. All beyond the first plane are taken for letters."""
    keeps = str.isalnum if digits else str.isalpha
    return np.fromiter((keeps(chr(code)) or code == _PLANE - 1 for code in range(_PLANE)), bool, _PLANE)
