"""Figures: each beside the baseline that was measured in the same run, in turns, so that a noisy machine hits both."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "bench_results"
PACKAGES = (
    "mitmproxy",
    "presidio-analyzer",
    "spacy",
    "onnxruntime",
    "hyperscan",
    "google-re2",
    "python-jose",
    "pyjwt",
    "sqlite-utils",
)


@dataclass(frozen=True, slots=True)
class Options:
    """*data*: texts for accuracy, in place of made-up ones. *ner*: the settings to measure. *say*: prints details."""

    data: Path | None
    ner: Sequence[str]
    say: Callable[[str], None] | None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be: its value, or its *ratio* to the baseline, *least* or most *bound*."""

    bound: float
    least: bool = True
    ratio: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:g}{' ×' if self.ratio else ''}"

    def holds(self, value: float, ratio: float) -> bool:
        measured = ratio if self.ratio else value
        return measured >= self.bound if self.least else measured <= self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """*value* and *baseline* are medians over *runs*, in *unit*; *spread* is the values' range over their median."""

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    runs: int
    spread: float
    goal: str = ""
    holds: bool | None = None
    """Whether it meets its goal; None where it has none."""


def figure(
    name: str, unit: str, values: Sequence[float], baselines: Sequence[float], goal: Goal | None = None
) -> Figure:
    value, baseline = statistics.median(values), statistics.median(baselines)
    spread = (max(values) - min(values)) / value if value else 0.0
    ratio = value / baseline if baseline else 0.0
    shown = [_round(number) for number in (value, baseline, ratio, spread)]
    holds = goal.holds(value, ratio) if goal else None
    return Figure(name, shown[0], unit, shown[1], shown[2], len(values), shown[3], str(goal or ""), holds)


def machine() -> Mapping[str, Any]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": versions,
    }


def document(bench: str, figures: Sequence[Figure]) -> dict[str, Any]:
    return {"bench": bench, "machine": machine(), "figures": [asdict(figure) for figure in figures]}


def _round(value: float) -> float:
    return float(f"{value:.3g}")
