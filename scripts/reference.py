"""The generated parts of the README, written by cog: `cog -r README.md`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.testing import CliRunner

from weighlock.cli import main
from weighlock.masking.operators import OPERATORS
from weighlock.settings import knobs

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
    """The committed results of one bench."""
    document = json.loads((ROOT / "scripts" / "bench_results" / f"{bench}.json").read_text())
    rows = ["| figure | value | baseline | ratio |", "| --- | ---: | ---: | ---: |"]
    rows += [
        f"| {f['name']} | {f['value']:g} {f['unit']} | {f['baseline']:g} {f['unit']} | {f['ratio']:g} × |"
        for f in document["figures"]
    ]
    machine = document["machine"]
    return (
        "\n".join([*rows, "", f"Measured on {machine['cores']} cores ({machine['cpu']}), Python {machine['python']}."])
        + "\n"
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
