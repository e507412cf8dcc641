"""`weighlock offboard`: a person has left, so nothing is done in their name from now on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from weighlock import rulefile
from weighlock.adapters import rulebook
from weighlock.adapters.stores.control import Control
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.cli.common import EXIT_WRONG, as_json, print_table, read_settings, rules_option, state_option
from weighlock.cli.cutoffs import open_control, operator
from weighlock.cli.since import entries_since
from weighlock.errors import ConfigError
from weighlock.identity import people, workloads
from weighlock.identity.people import Person
from weighlock.identity.workloads import Workload
from weighlock.ledger.entry import Entry, Kind, timestamp

DAYS = 30


@click.command("offboard")
@click.argument("person")
@click.option("--reason", required=True, help="Why; shown in the list of cut-offs.")
@rules_option
@state_option
@as_json
@click.pass_context
def offboard(ctx: click.Context, person: str, reason: str, rules: str, state: str, as_json: bool) -> None:
    """Cut PERSON off everywhere: their tokens, sessions, held requests, running streams and approvals.

    PERSON is an id or e-mail address of rules/identity/people.yaml; all identifiers that stand there are cut off, in
    effect within a second. Shown: the workloads that they own (refused until somebody else owns them), and what was
    done in their name in the last 30 days. Asking again cuts off only what is not cut off yet.
    """
    config = read_settings(rules=rules, state=state)
    files = rulebook.read(config.rules)
    known = people.parse(_node(files, "identity/people.yaml"))
    leaver = people.find(known, person)
    if leaver is None:
        click.echo(f"weighlock: nobody in {config.rules}/identity/people.yaml is {person}", err=True)
        ctx.exit(EXIT_WRONG)
    with open_control(state) as control:
        cut = _cut(control, leaver, reason)
    report = {
        "person": leaver.id,
        "cutoffs": cut,
        "workloads": [_row(workload) for workload in _owned(files, known, leaver)],
        "activity": _activity(config.state / NAME, leaver),
    }
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _tell(report)


def _cut(control: Control, leaver: Person, reason: str) -> list[dict[str, Any]]:
    """The identifiers that are cut off now, each with its cut-off; those that were already are left as they are."""
    current = {(cutoff.claim, cutoff.value, cutoff.issuer): cutoff for cutoff in control.current() if not cutoff.before}
    rows = []
    for claim, value, issuer in leaver.identifiers():
        cutoff = current.get((claim, value, issuer)) or control.add(
            claim, value, issuer=issuer, before=None, reason=reason, by=operator(), now=time.time()
        )
        rows.append({"id": cutoff.id, "claim": claim, "value": value, "issuer": issuer or "any"})
    return rows


def _owned(files: dict[str, str], known: tuple[people.Person, ...], leaver: Person) -> list[Workload]:
    """Rules that cannot be read must not keep anybody from being cut off."""
    try:
        listed = workloads.parse(_node(files, "identity/workloads.yaml"), known)
    except ConfigError as error:
        click.echo(f"weighlock: the workloads cannot be listed: {error}", err=True)
        return []
    return [workload for workload in listed if workload.owner == leaver]


def _row(workload: Workload) -> dict[str, Any]:
    claims = ", ".join(f"{name}={value}" for name, value in workload.claims.items())
    return {"workload": workload.id, "issuer": workload.issuer, "claims": claims}


def _activity(path: Path, leaver: Person) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for said in entries_since(timestamp(time.time() - DAYS * 86400), path):
        if said.kind in (Kind.REQUEST, Kind.REFUSAL) and leaver.id in said.body.get("who", {}).get("persons", ()):
            _count(rows, said)
    return sorted(rows.values(), key=lambda row: row["requests"], reverse=True)


def _count(rows: dict[tuple[str, str], dict[str, Any]], said: Entry) -> None:
    """Entries come newest first."""
    workload, host = said.body["who"]["workload"], said.body.get("host", "")
    row = rows.setdefault(
        (workload, host),
        {"workload": workload, "host": host, "requests": 0, "refused": 0, "bytes": 0, "first": "", "last": said.time},
    )
    row["requests"] += 1
    row["refused"] += said.kind is Kind.REFUSAL
    row["bytes"] += said.body.get("call", {}).get("size", 0)
    row["first"] = said.time


def _tell(report: dict[str, Any]) -> None:
    def table(title: str, rows: Iterable[dict[str, Any]], nothing: str) -> None:
        listed = list(rows)
        click.echo(f"\n{title}" if listed else f"\n{nothing}")
        print_table(listed, list(listed[0]) if listed else [])

    click.echo(f"{report['person']} is cut off: requests, held ones and running streams end within a second.")
    table("Cut-offs", report["cutoffs"], "No cut-offs.")
    table("Workloads without an owner from now on; refused until they have one", report["workloads"], "Owns nothing.")
    table(f"Done in their name in {DAYS} days", report["activity"], f"Nothing was done in their name in {DAYS} days.")
    click.echo(
        f"\nNext: set `departed: {datetime.now(UTC).date()}` for {report['person']} in rules/identity/people.yaml. "
        "It holds also where a cut-off is lifted."
    )


def _node(files: dict[str, str], name: str) -> rulefile.Node:
    if name not in files:
        raise ConfigError("this file is missing", name)
    return rulefile.parse(files[name], name)
