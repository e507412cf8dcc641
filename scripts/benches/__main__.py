"""`./scripts/bench [NAME] [--json]`: run the benches, print their figures, and keep them in scripts/bench_results."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
import engines
import exchange
import owned
import verifying
from figures import RESULTS, Figure, document
from rich.console import Console
from rich.table import Table

BENCHES: dict[str, Callable[[Callable[[str], None]], list[Figure]]] = {
    "detection": engines.run,
    "gateway": exchange.run,
    "identity": verifying.run,
    "material": owned.run,
}


@click.command()
@click.argument("name", required=False, type=click.Choice(sorted(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def main(name: str | None, as_json: bool) -> None:
    """Measure NAME, or everything. Each figure stands beside a baseline from the same run."""
    shown = Console(highlight=False)
    documents = []
    for bench in [name] if name else sorted(BENCHES):
        with Console(stderr=True).status(f"{bench}: …") as status:
            figures = BENCHES[bench](lambda step, bench=bench, status=status: status.update(f"{bench}: {step}"))
        documents.append(document(bench, figures))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{bench}.json").write_text(json.dumps(documents[-1], indent=2) + "\n")
        if not as_json:
            shown.print(table(bench, figures))
    if as_json:
        click.echo(json.dumps(documents, indent=2))


def table(bench: str, figures: list[Figure]) -> Table:
    rows = Table(title=bench, title_justify="left", box=None, header_style="bold")
    for column in ("figure", "value", "baseline", "ratio", "unit", "spread"):
        rows.add_column(column, justify="left" if column in ("figure", "unit") else "right", no_wrap=column != "figure")
    for f in figures:
        rows.add_row(f.name, f"{f.value:g}", f"{f.baseline:g}", f"{f.ratio:g} ×", f.unit, f"{f.spread:.0%}")
    return rows


main()
