"""Rules and worker processes as the gateway has them, and what these use: processor time and memory, from /proc."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from weighlock.adapters import rulebook
from weighlock.adapters.inspector.pool import Pool
from weighlock.detection.rules import RuleSet

WORKERS = 2


@functools.cache
def ruleset() -> RuleSet:
    return rulebook.detection_rules(rulebook.read(rulebook.shipped()))


@contextlib.asynccontextmanager
async def pool(ner: str, cache: int = 64 << 20) -> AsyncIterator[tuple[Pool, Sequence[int]]]:
    """A pool that is warm, and the process ids of its workers."""
    made, before = Pool(WORKERS, 600, bytes(32), cache, ner), set(children())
    await made.start()
    try:
        yield made, sorted(set(children()) - before)
    finally:
        await made.close()


def beside() -> dict[str, str]:
    """The environment of a process that is to import the benches."""
    return os.environ | {"PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"}


def children() -> list[int]:
    return [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def spent(pids: Sequence[int]) -> float:
    """Seconds of processor time that this process and those of *pids* took."""
    ticks = 0
    for pid in (os.getpid(), *pids):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """MB: `rss`, all that is in memory; `uss`, its own alone; `pss`, with its share of what others have as well."""
    sizes: dict[str, int] = {}
    for name, size in re.findall(r"(\w+): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text()):
        sizes[name] = int(size) * 1024
    own = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return {"rss": sizes["Rss"] / 1e6, "uss": own / 1e6, "pss": sizes["Pss"] / 1e6}
