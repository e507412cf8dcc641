"""Memory of the workers: warm, after names that were never seen before, and after many other new words.

Stock Presidio is a process of its own as well, and gets the names only: the words would take it minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence

from figures import Figure, Options, figure
from pools import beside, memory, pool, ruleset
from subjects import STOCK, subject

from weighlock.model import Role, Text

NAMES, WORDS, TEXT = 200_000, 5_000_000, 50_000
"""Code points in all, and of one text."""
_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()


def texts(size: int, seed: int, *, names: bool) -> list[str]:
    """Lines of words that no other line has: names in sentences, or words of a log."""
    chance, made = random.Random(seed), []
    for _ in range(size // TEXT):
        lines, length = [], 0
        while length < TEXT:
            first, second, third = ("".join(chance.choices(_SYLLABLES, k=4)) for _ in range(3))
            if names:
                lines.append(f"Dear {first.title()}, please write to {second.title()} and to {third.title()}.")
            else:
                lines.append(f"12:04:05.006 DEBUG {first}_{second}[17]: {third}=4")
            length += len(lines[-1]) + 1
        made.append("\n".join(lines))
    return made


async def ours(ner: str) -> list[list[dict[str, float]]]:
    """For every state, the memory of every worker."""
    states = []
    async with pool(ner, cache=1) as (made, pids):
        for given in (["Maria Lopez"], texts(NAMES, 1, names=True), texts(WORDS, 2, names=False)):
            for at in range(0, len(given), 8):
                await made.inspect(
                    [Text(f"/{n}", Role.CONTENT, text) for n, text in enumerate(given[at : at + 8])], ruleset()
                )
            states.append([memory(pid) for pid in pids])
    return states


def theirs() -> list[dict[str, float]]:
    """In a process of its own; MB when warm and after the names."""
    code = "import footprint; footprint.alone()"
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=beside(), capture_output=True, text=True, check=True
    )
    return [
        dict(zip(("rss", "uss", "pss"), map(float, line.split()), strict=True)) for line in shown.stdout.splitlines()
    ]


def alone() -> None:
    find = subject(STOCK)
    for given in ([], texts(NAMES, 1, names=True)):
        for text in given:
            for line in text.split("\n"):
                find(line)
        print(*memory(os.getpid()).values())


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    ner = options.ner[-1]
    progress(f"memory, {STOCK}")
    stock = theirs()
    progress(f"memory, {ner}")
    states = asyncio.run(ours(ner))
    when = ("warm", f"after {NAMES / 1e6:g} MB of new names", f"after {WORDS / 1e6:g} MB of new words more")
    figures = []
    for at, (label, workers) in enumerate(zip(when, states, strict=True)):
        base = stock[min(at, len(stock) - 1)]
        for kind, named in (("rss", "RSS"), ("uss", "USS")):
            figures.append(figure(f"{named} of a worker, {label}, {ner}", "MB", _all(workers, kind), [base[kind]]))
        total = sum(_all(workers, "pss"))
        figures.append(figure(f"all {len(workers)} workers together, {label}, {ner}", "MB", [total], [base["pss"]]))
    return figures


def _all(workers: Sequence[dict[str, float]], kind: str) -> list[float]:
    return [worker[kind] for worker in workers]
