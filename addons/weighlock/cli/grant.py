"""`weighlock approvals grant`: what is held so often that nobody can look at each."""

from __future__ import annotations

import click

from weighlock.cli.approvals import approvals, call, console_option, token_option


@approvals.command("grant")
@click.option("--workload", required=True)
@click.option("--statement", "statements", required=True, multiple=True, help="One that holds; may be repeated.")
@click.option("--destination", required=True, help="Its name in rules/destinations.yaml.")
@click.option("--model", default="", help="Left out: calls that name none.")
@click.option("--requests", required=True, type=click.IntRange(min=1), help="At most so many.")
@click.option("--bytes", "size", default=1 << 20, show_default=True, type=click.IntRange(min=1), help="All together.")
@click.option("--minutes", required=True, type=click.IntRange(min=1), help="From the last approval on.")
@click.option("--reason", required=True, help="Why; recorded.")
@console_option
@token_option
def grant(
    workload: str,
    statements: tuple[str, ...],
    destination: str,
    model: str,
    requests: int,
    size: int,
    minutes: int,
    reason: str,
    console: str,
    token_file: str | None,
) -> None:
    """Ask for a grant: for a while, what STATEMENT holds of WORKLOAD goes out without being looked at one by one.

    Two people approve it, at least; whoever asks is one of them, if they may approve.
    """
    wanted = {"workload": workload, "statements": list(statements), "destination": destination, "model": model}
    limits = {"requests": requests, "bytes": size, "minutes": minutes, "reason": reason}
    approval = call("POST", "/api/grants", console, token_file, wanted | limits)
    click.echo(
        f"{approval['id']} {approval['state']}, {len(approval['decisions'])} of {approval['need']} have approved"
    )
