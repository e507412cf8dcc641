"""What is one's own: how fast a text is searched for a million hashes, and what they cost a process in memory.

The baseline is what one would write first: a set of the plain runs of letters, or of the plain values, in the process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from corpora import source
from corpora import text as prose
from figures import Figure, figure

from weighlock.adapters.inspector.material import MaterialSearch
from weighlock.adapters.stores import material
from weighlock.detection.exact import candidates, shape
from weighlock.detection.material import CODE, Kind, Label, bitmap, folded
from weighlock.detection.shingles import K
from weighlock.model import Level
from weighlock.segments import split

RUNS, SIZE, COUNT = 5, 120_000, 1_000_000
KEY = bytes(32)
SHAPES = tuple(sorted({shape("x" * size) for size in range(8, 25)} | {shape("1" * size) for size in range(6, 13)}))
"""Of two names in a row, and of account numbers."""
BEGINNINGS = 20_000
"""Different first four characters; a million people's names have about as many."""


def run(tell: Callable[[str], None]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        chance = np.random.default_rng(1)
        indexes = {}
        for kind in (Kind.FINGERPRINT, Kind.RECORD):
            index = chance.integers(0, (1 << 64) - 1, COUNT, np.uint64)
            begins = chance.integers(0, (1 << 64) - 1, BEGINNINGS, np.uint64)
            label = Label(
                kind, "bench", CODE, Level.HIGH, "", SHAPES if kind is Kind.RECORD else (), beginnings=bitmap(begins)
            )
            with material.locked(state):
                material.write(state, KEY, label, index)
            path = material.place(state, kind, label.name)
            indexes[kind] = {str(path): material.read(path, KEY)[2]}
        tell("memory")
        figures = [_memory(indexes[Kind.FINGERPRINT])]
        plain = frozenset(f"{number:024d}" for number in range(COUNT))
        for name, kind, text, baseline in (
            ("Code searched for 1 M shingles, beside every run of letters in a set", *_code(plain)),
            ("Prose searched for 1 M records, beside the values in a set", *_records(plain)),
        ):
            tell(name)
            figures.append(_speed(name, MaterialSearch(indexes[kind], KEY), split(text), baseline))
        return figures


def _code(plain: frozenset[str]) -> tuple[Kind, str, Callable[[str], Any]]:
    def every(text: str) -> bool:
        letters = "".join(filter(str.isalpha, folded(text)))
        return any(letters[at : at + K] in plain for at in range(len(letters)))

    return Kind.FINGERPRINT, source(SIZE), every


def _records(plain: frozenset[str]) -> tuple[Kind, str, Callable[[str], Any]]:
    return (
        Kind.RECORD,
        prose(SIZE, 1),
        lambda text: any(value in plain for *_, value in candidates(text, frozenset(SHAPES), lambda _: True)),
    )


def _speed(name: str, search: MaterialSearch, segments: list[str], baseline: Callable[[str], Any]) -> Figure:
    """In processor time, which other work on the machine disturbs less."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(RUNS):
        for look, times in ((lambda text: list(search.hits(text)), ours), (baseline, theirs)):
            begun = time.process_time()
            for segment in segments:
                look(segment)
            times.append(sum(map(len, segments)) / (time.process_time() - begun) / 1e6)
    return figure(name, "MB/s", ours, theirs)


_GROWN = """
import re, sys
from pathlib import Path
from weighlock.adapters.inspector.material import MaterialSearch
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
MaterialSearch({}, bytes(32)).hits("x")
before = resident()
if sys.argv[1] == "set":
    held = frozenset(f"{number:024d}" for number in range(int(sys.argv[2])))
else:
    held = MaterialSearch({sys.argv[1]: sys.argv[2]}, bytes(32))
    list(held.hits("What a process has to hold for it, all letters of this sentence looked up. " * 20))
print(resident() - before)
"""


def _memory(index: dict[str, str]) -> Figure:
    (path, mac) = next(iter(index.items()))
    ours, theirs = ([_grown(*given) for _ in range(3)] for given in ((path, mac), ("set", str(COUNT))))
    return figure("Memory of a process for 1 M shingles, shared pages too", "MB", ours, theirs)


def _grown(*arguments: str) -> float:
    done = subprocess.run([sys.executable, "-c", _GROWN, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)
