"""The generated parts of the README, written by cog: `cog -r README.md`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from weighlock.cli import main
from weighlock.masking.operators import OPERATORS
from weighlock.settings import NER, knobs

ROOT = Path(__file__).parents[1]


def commands() -> str:
    """Every command's help, as a person sees it at 100 columns."""
    return "\n".join(_help(main, ["weighlock"]))


def _help(command: click.Command, path: list[str]) -> list[str]:
    shown = CliRunner().invoke(main, [*path[1:], "--help"], prog_name="weighlock", terminal_width=100).output
    lines = ["```", f"$ {' '.join(path)} --help", shown.rstrip(), "```", ""]
    for name, child in command.commands.items() if isinstance(command, click.Group) else ():
        lines += _help(child, [*path, name])
    return lines


def settings() -> str:
    rows = ["| setting | default | what it is |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {_code(knob['default'])} | {knob['help']} |" for name, knob in knobs().items()]
    return "\n".join(rows) + "\n"


def operators() -> str:
    return ", ".join(f"`{name}`" for name in OPERATORS) + "\n"


def figures(bench: str) -> str:
    """The committed results of one bench; of one that has goals, the figures that have one."""
    document = _results(bench)
    measured = document["figures"]
    goals = [figure for figure in measured if figure.get("goal")]
    heads = ["figure", "value", "baseline", "ratio", *(["goal", ""] if goals else [])]
    rows = [_row(heads), _row(["---", *["---:"] * 3, *(["---:", "---"] if goals else [])])]
    rows += [
        _row(
            [
                f["name"],
                *(f"{f[side]:g} {f['unit']}" for side in ("value", "baseline")),
                f"{f['ratio']:g} ×",
                *([f["goal"], "held" if f["holds"] else "**missed**"] if goals else []),
            ]
        )
        for f in goals or measured
    ]
    machine = document["machine"]
    where = f"Measured on {machine['cores']} cores ({machine['cpu']}), Python {machine['python']}."
    return "\n".join([*rows, "", where]) + "\n"


def models() -> str:
    """What each setting of `ner` finds and costs, beside stock Presidio, from the committed results."""
    columns = {
        "F2 at overlap .7": "F2 at overlap 0.7, synthetic sentences",
        "at .9": "F2 at overlap 0.9, synthetic sentences",
        "precision at .7": "precision at overlap 0.7, synthetic sentences",
        "prose, kB/s": "prose",
        "source code, kB/s": "source code",
        "in six languages, kB/s": "six languages",
    }
    measured = {figure["name"]: figure for figure in _results("detection")["figures"]}
    rows = [_row(["`ner`", *columns]), _row(["---", *["---:"] * len(columns)])]
    rows += [
        _row([f"`{ner}`", *(f"{measured[f'{name}, {ner}']['value']:g}" for name in columns.values())]) for ner in NER
    ]
    stock = (f"{measured[f'{name}, {NER[0]}']['baseline']:g}" for name in columns.values())
    return "\n".join([*rows, _row(["stock Presidio", *stock])]) + "\n"


def _results(bench: str) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((ROOT / "scripts" / "bench_results" / f"{bench}.json").read_text())
    return results


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
