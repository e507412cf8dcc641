"""Figures: each beside the baseline that was measured in the same run, in turns, so that a noisy machine hits both."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "bench_results"
PACKAGES = ("mitmproxy", "presidio-analyzer", "spacy", "google-re2", "python-jose", "pyjwt", "sqlite-utils")


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


def figure(name: str, unit: str, values: Sequence[float], baselines: Sequence[float]) -> Figure:
    value, baseline = statistics.median(values), statistics.median(baselines)
    spread = (max(values) - min(values)) / value if value else 0.0
    ratio = value / baseline if baseline else 0.0
    return Figure(name, _round(value), unit, _round(baseline), _round(ratio), len(values), _round(spread))


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


def _cpuinfo() -> str:
    return Path("/proc/cpuinfo").read_text()


def _round(value: float) -> float:
    return float(f"{value:.3g}")
