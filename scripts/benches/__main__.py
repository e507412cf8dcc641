"""`./scripts/bench [NAME] [--json]`: run the benches, print their figures, and keep them in scripts/bench_results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import accuracy
import approvals
import chat
import click
import evasions
import exchange
import findings
import footprint
import limits
import owned
import rejudging
import revealed
import stalls
import streams
import throughput
import verifying
from figures import RESULTS, Figure, Options, document
from rich.console import Console
from rich.table import Table

import ledger
import policy
from weighlock.settings import NER

type Progress = Callable[[str], None]
type Bench = Callable[[Progress, Options], list[Figure]]

DETECTION: Mapping[str, Bench] = {
    "accuracy": accuracy.run,
    "secrets": revealed.run,
    "findings": findings.run,
    "evasions": evasions.run,
    "throughput": throughput.run,
    "hostile": limits.run,
    "chat": chat.run,
    "stalls": stalls.run,
    "memory": footprint.run,
}
"""The parts of `detection`; each can be run by itself, and then nothing is kept."""
BENCHES: Mapping[str, Bench] = {
    "approvals": lambda progress, _: approvals.run(progress),
    "detection": lambda progress, options: [f for run in DETECTION.values() for f in run(progress, options)],
    "gateway": lambda progress, _: exchange.run(progress),
    "identity": lambda progress, _: verifying.run(progress),
    "ledger": lambda progress, _: ledger.run(progress),
    "material": lambda progress, _: owned.run(progress),
    "policy": lambda progress, _: [*policy.run(progress), *rejudging.run(progress)],
    "streams": lambda progress, _: streams.run(progress),
}


@click.command()
@click.argument("name", required=False, type=click.Choice([*BENCHES, *DETECTION]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Texts for accuracy.")
@click.option("--ner", multiple=True, type=click.Choice(NER), help="Measure this setting only. May be repeated.")
@click.option("--details", is_flag=True, help="Say also what was missed, by kind.")
def main(name: str | None, as_json: bool, data: Path | None, ner: tuple[str, ...], details: bool) -> None:
    """Measure NAME, or everything. Each figure stands beside a baseline from the same run.

    A file for --data has JSON lines with `text` and `spans` of `start`, `end` and `entity`; without one, sentences
    are made up.
    """
    shown = Console(highlight=False)
    options = Options(data, ner or tuple(reversed(NER)), shown.print if details else None)
    documents = []
    for bench in [name] if name else BENCHES:
        with Console(stderr=True).status(f"{bench}: …") as status:
            run = {**BENCHES, **DETECTION}[bench]
            figures = run(lambda step, bench=bench, status=status: status.update(f"{bench}: {step}"), options)
        documents.append(document(bench, figures))
        if bench in BENCHES and not ner:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{bench}.json").write_text(json.dumps(documents[-1], indent=2) + "\n")
        if not as_json:
            shown.print(table(bench, figures))
    if as_json:
        click.echo(json.dumps(documents, indent=2))


def table(bench: str, figures: list[Figure]) -> Table:
    rows = Table(title=bench, title_justify="left", box=None, header_style="bold")
    for column in ("figure", "value", "baseline", "ratio", "unit", "spread", "goal"):
        left = column in ("figure", "unit", "goal")
        rows.add_column(column, justify="left" if left else "right", no_wrap=column != "figure")
    for f in figures:
        goal = {True: "[green]{}, held[/]", False: "[red]{}, missed[/]", None: ""}[f.holds].format(f.goal)
        rows.add_row(f.name, f"{f.value:g}", f"{f.baseline:g}", f"{f.ratio:g} ×", f.unit, f"{f.spread:.0%}", goal)
    return rows


main()
