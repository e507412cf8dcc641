"""The longest time in which the event loop did nothing else while 1 MB is inspected.

Beside it: the same loop with nothing to do, while as many processes as there are workers keep the cores busy. A step is
what the loop's own thread computed at once: the part of a stall that is not waiting for a core.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import corpora
from figures import Figure, Goal, Options, figure
from pools import WORKERS, beside, pool, ruleset

from weighlock.model import Role, Text

SIZE, TICK, IDLE, RUNS = 1_000_000, 0.001, 5.0, 3
MOST = 20.0
"""Milliseconds."""


async def longest(work: Awaitable[object]) -> tuple[float, float]:
    """Milliseconds by which a task that wakes every TICK seconds was late, at most, while *work* went on; and the most
    processor time that the loop's own thread took between two of its ticks, which other processes do not add to.
    """
    late = own = 0.0

    async def tick() -> None:
        nonlocal late, own
        while True:
            due, before = time.perf_counter() + TICK, time.thread_time()
            await asyncio.sleep(TICK)
            late, own = max(late, time.perf_counter() - due), max(own, time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    try:
        await work
    finally:
        ticking.cancel()
    return late * 1000, own * 1000


async def inspecting(ner: str) -> tuple[float, float]:
    text = corpora.text(SIZE)
    async with pool(ner, cache=1) as (made, _):
        return await longest(made.inspect([Text("/x", Role.CONTENT, text)], ruleset()))


def idle() -> tuple[float, float]:
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(WORKERS)]
    try:
        return asyncio.run(longest(asyncio.sleep(IDLE)))
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def alone(ner: str) -> None:
    """What this process measures, on stdout: collecting the garbage of other benches would stall it."""
    print(json.dumps([idle(), asyncio.run(inspecting(ner))]))


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    figures = []
    for ner, runs in {options.ner[-1]: 1, "none": RUNS}.items():
        rounds = []
        for turn in range(runs):
            progress(f"the event loop while 1 MB is inspected, {ner}, round {turn + 1} of {runs}")
            code = f"import stalls; stalls.alone({ner!r})"
            shown = subprocess.run([sys.executable, "-c", code], env=beside(), stdout=subprocess.PIPE, check=True)
            rounds.append(json.loads(shown.stdout))
        for at, what in enumerate(("stall", "step")):
            label = f"longest {what} of the event loop while 1 MB is inspected, {ner}"
            values = [[one[side][at] for one in rounds] for side in (1, 0)]
            figures.append(figure(label, "ms", *values, Goal(MOST, least=False)))
    return figures
