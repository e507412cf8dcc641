"""What an installation knows to be its own, looked for in one segment at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from weighlock.adapters.stores import material
from weighlock.detection import canary, exact
from weighlock.detection.material import TAGS, Folded, Kind, Label, hashes, held, places, subkey
from weighlock.detection.resolve import Hit
from weighlock.detection.shingles import runs, shingles
from weighlock.errors import ConfigError

type _Index = tuple[Label, Any]


class MaterialSearch:
    """*files* are indexes by their path, with the MAC of what has to be in each; *key* is the installation's.

    Raises Unavailable where one cannot be used, or was changed since.
    """

    def __init__(self, files: Mapping[str, str], key: bytes) -> None:
        self._indexes: dict[Kind, list[_Index]] = {kind: [] for kind in Kind}
        for path, mac in files.items():
            label, index = _read(Path(path), key, mac)
            self._indexes[label.kind].append((label, index))
        self._keys = {kind: subkey(key, kind) for kind in Kind}
        self._begins = lru_cache(maxsize=1 << 16)(self._beginning)
        self._beginnings = places(label.beginnings for label, _ in self._indexes[Kind.RECORD])
        self._shapes = frozenset(shape for label, _ in self._indexes[Kind.RECORD] for shape in label.shapes)

    def hits(self, text: str) -> Iterator[Hit]:
        """Of canaries, records and fingerprints; they may overlap."""
        if self._shapes:
            yield from self._records(text)
        if self._indexes[Kind.CANARY]:
            yield from self._canaries(Folded(text, digits=True))
        if self._indexes[Kind.FINGERPRINT]:
            yield from self._fingerprints(Folded(text))

    def _records(self, text: str) -> Iterator[Hit]:
        found = list(exact.candidates(text, self._shapes, self._begins))
        wanted = exact.record_hashes(self._keys[Kind.RECORD], (value for *_, value in found))
        for label, at in self._held(Kind.RECORD, wanted):
            yield _hit(label, 1.0, *found[at][:2])

    def _beginning(self, value: str) -> bool:
        (place,) = exact.record_hashes(self._keys[Kind.RECORD], [value]) >> 48
        return bool(self._beginnings[int(place)])

    def _canaries(self, folded: Folded) -> Iterator[Hit]:
        found = list(canary.candidates(folded.text))
        wanted = hashes(self._keys[Kind.CANARY], (value.encode() for _, value in found))
        for label, at in self._held(Kind.CANARY, wanted):
            start = found[at][0]
            yield _hit(label, 1.0, *folded.span(start, start + canary.SIZE))

    def _fingerprints(self, folded: Folded) -> Iterator[Hit]:
        found = shingles(folded, self._keys[Kind.FINGERPRINT])
        if not len(found.hashes):
            return
        common = sum(held(index, found.hashes) for _, index in self._indexes[Kind.COMMON])
        for label, index in self._indexes[Kind.FINGERPRINT]:
            for run in runs(found, held(index, found.hashes) > common):
                yield _hit(label, run.share, run.start, run.end)

    def _held(self, kind: Kind, wanted: Any) -> Iterator[tuple[Label, int]]:
        for label, index in self._indexes[kind] if len(wanted) else ():
            for at in held(index, wanted).nonzero()[0]:
                yield label, int(at)


def _hit(label: Label, score: float, start: int, end: int) -> Hit:
    tags = TAGS[label.kind]
    return Hit(label.rule, label.entity, label.level, score, start, end, tags, strict=True)


def _read(path: Path, key: bytes, mac: str) -> _Index:
    try:
        label, index, found = material.read(path, key)
    except ConfigError:
        found = ""
    if found != mac:
        raise material.unreadable()
    return label, index
