"""Texts compared by winnowed shingles (Schleimer, Wilkerson, Aiken: "Winnowing", SIGMOD 2003).

A shingle is K letters in a row. They are characters, not the tokens of a language, so that one index holds code of any
language and prose, and what an editor, a formatter, a diff or a tool that numbers lines does to white space, signs and
digits changes nothing; renamed variables do. Of every W neighbouring shingles one is chosen, by its content alone: two
texts that share T letters share a chosen shingle, wherever it stands in them.

What counts is a run of LEAST chosen shingles that overlap, within one segment: certain where ENOUGH letters in a row
are the same, which is a line or two of code, or ten words. Fewer are what strangers write too. Segments of fewer
letters than that may be missed; of a function of five lines, hardly all are so short.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from weighlock.detection.material import Folded, hashes

K, W = 24, 8
T = K + W - 1
LEAST = 3
ENOUGH = K + LEAST * W - 1
DISTINCT = 8
"""Different characters without which a shingle says nothing: rows of a table, a long zero."""
SHARED = 4
"""Files of one label that have a shingle in common, from which it is boilerplate."""

_HEADER = re.compile(r"\A(?:\s*(?:/\*.*?\*/|<!--.*?-->|\"\"\".*?\"\"\"|(?:[ \t]*(?:#|//|--|;|%)[^\n]*\n)+))", re.DOTALL)
_LICENCE = re.compile(r"licen[cs]e|copyright|spdx|all rights reserved", re.IGNORECASE)
_IMPORT = re.compile(
    r"^[ \t]*(?:(?:from[ \t]+\S+[ \t]+)?import[ \t]*(?:\([^)]*\)|(?:type[ \t]+)?\{[^}]*\}[^\n]*)"
    r"|(?:from[ \t]+\S+[ \t]+import|import|#[ \t]*include|@import)\b[^\n]*"
    r"|(?:using|use)\b[^\n]*;[ \t]*$|package[ \t]+[\w.]+;?[ \t]*$|require[ \t]*\(?[\"'][^\n]*"
    r"|(?:const|let|var)[^\n=]*=[ \t]*require\([^\n]*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The chosen ones of a text, in order: each one's hash, and where it stands in the text."""

    hashes: Any
    starts: Any
    ends: Any


@dataclass(frozen=True, slots=True)
class Run:
    start: int
    end: int
    share: float
    """Of all that was chosen of the text, how much is in this run."""


def shingles(folded: Folded, key: bytes) -> Shingles:
    """The chosen ones of the text; none where it has fewer than T letters."""
    chosen = _chosen(_rolled(folded.codes, key))
    values = _values(folded, chosen)
    return Shingles(hashes(key, values), folded.places[chosen], folded.places[chosen + K - 1] + 1)


def runs(found: Shingles, known: Any) -> Iterator[Run]:
    """Those of LEAST shingles that are *known*, a truth for each of *found*, and overlap."""
    if known.sum() < LEAST:
        return
    starts, ends = found.starts[known], found.ends[known]
    first = 0
    for edge in [*(np.flatnonzero(starts[1:] >= ends[:-1]) + 1).tolist(), len(starts)]:
        if edge - first >= LEAST:
            yield Run(int(starts[first]), int(ends[edge - 1]), (edge - first) / len(found.hashes))
        first = edge


def telling(text: str, key: bytes) -> Any:
    """Hashes to be indexed of a file's *text*: no licence header, no imports, nothing without variety."""
    header = _HEADER.match(text)
    if header and _LICENCE.search(header[0]):
        text = text[header.end() :]
    folded = Folded(_IMPORT.sub("", text))
    values = _values(folded, _chosen(_rolled(folded.codes, key)))
    return np.unique(hashes(key, (value for value in values if len(set(value.decode("utf-32-le"))) >= DISTINCT)))


def distilled(files: list[Any], shared: int = SHARED) -> Any:
    """One index of the hashes of all *files*, sorted, without what *shared* of them have in common."""
    if not files:
        return np.zeros(0, "<u8")
    values, counts = np.unique(np.concatenate(files), return_counts=True)
    return values[counts < shared]


def _rolled(codes: Any, key: bytes) -> Any:
    """A number for every shingle, which depends on its characters alone: a keyed polynomial, modulo 2**64."""
    size = len(codes)
    if size < T:
        return np.zeros(0, np.uint64)
    powers, inverses = _powers(key, 1 << (size - 1).bit_length())
    sums = np.zeros(size + 1, np.uint64)
    np.cumsum(codes.astype(np.uint64) * inverses[:size], out=sums[1:])
    rolled = (sums[K:] - sums[:-K]) * powers[: size - K + 1]
    rolled ^= rolled >> np.uint64(32)
    rolled *= np.uint64(0x9E3779B97F4A7C15)
    return rolled ^ rolled >> np.uint64(29)


@functools.lru_cache(maxsize=32)
def _powers(key: bytes, size: int) -> tuple[Any, Any]:
    base = int.from_bytes(hashlib.blake2b(b"rolled", key=key, digest_size=8).digest()) | 1
    both = []
    for factor in (base, pow(base, -1, 1 << 64)):
        powers = np.full(size, factor, np.uint64)
        powers[0] = 1
        both.append(np.cumprod(powers))
    return both[0], both[1]


def _chosen(rolled: Any) -> Any:
    """Places of those that are the least of any W in a row."""
    if len(rolled) < W:
        return np.zeros(0, np.intp)
    least = _over(np.minimum, rolled)
    # A shingle is at least the least of all windows that it is in, and equal where it is chosen.
    none = np.zeros(W - 1, np.uint64)
    return np.flatnonzero(_over(np.maximum, np.concatenate((none, least, none))) == rolled)


def _over(extreme: Any, values: Any) -> Any:
    """Of every W values in a row; W is a power of two."""
    width = 1
    while width < W:
        values = extreme(values[:-width], values[width:])
        width *= 2
    return values


def _values(folded: Folded, chosen: Any) -> list[bytes]:
    data = folded.codes.tobytes()
    return [data[at : at + 4 * K] for at in (4 * chosen).tolist()]
