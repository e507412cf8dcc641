"""`weighlock policy replay|shadow`: what a draft, or statements that only watch, would change."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from weighlock import rulefile
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.rulebook import Rules
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.policies import policies
from weighlock.cli.common import EXIT_WRONG, as_json, print_table, read_settings, state_option, terminal
from weighlock.cli.indexes import open_state
from weighlock.cli.policy import load
from weighlock.cli.since import entries_from, since_option
from weighlock.ledger import seal
from weighlock.ledger.entry import Entry, timestamp
from weighlock.masking.operators import OPERATORS
from weighlock.model import Finding, Text
from weighlock.policy.schema import parse
from weighlock.replay.recount import Recount
from weighlock.replay.rejudge import Change, Judged, Outcome, Report, Reread, Version, judged, rejudge, watched
from weighlock.replay.source import read_identities

EXIT_UNKNOWN = 3
"""Nothing would change, as far as can be told; and not all can be told."""
workload_option = click.option("--workload", default="", metavar="ID", help="Only of this workload.")
examples_option = click.option(
    "--examples", default=3, show_default=True, type=click.IntRange(0), help="Most exchanges named of each change."
)


@click.command("replay")
@click.option(
    "--candidate",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A draft of the rules.",
)
@since_option
@workload_option
@examples_option
@click.option("--identity", type=click.Path(path_type=Path), metavar="FILE", help="The auditor's age identity.")
@state_option
@as_json
@click.pass_context
def replay_(
    ctx: click.Context,
    candidate: Path,
    since: str | None,
    workload: str,
    examples: int,
    identity: Path | None,
    state: str,
    as_json: bool,
) -> None:
    """Judge recorded exchanges again by a draft: which verdicts would be others, whose, and how often.

    Judged are requests, replies and messages of WebSockets, by the clear part of the ledger: no key is needed. First
    each is judged by the policy of its time, which must say what it said then. Where the draft's rules of detection
    are not those of the time, texts must be read again, which takes the auditor's key: give it as --identity.

    \b
    Exit codes:
      0   no verdict would change
      1   one would
      3   none would, and not all could be judged again
      78  the draft, or the ledger, cannot be used
    """
    rules, path = load(candidate), read_settings(state=state).state / NAME
    draft = Version(rules.policy, rules.detect.digest)
    began = _earlier(since or "", Recount(rules.policy).reach)
    with _verdicts(path, began, workload) as verdicts, _rereading(identity, rules, state) as reread:
        report = rejudge(verdicts, draft, in_force(path), reread, since or "", examples)
    _tell(report, as_json)
    unknown = report.unlike or report.unjudged.total()
    ctx.exit(EXIT_WRONG if report.changed else EXIT_UNKNOWN if unknown else 0)


@click.command("shadow")
@since_option
@workload_option
@examples_option
@state_option
@as_json
@click.pass_context
def shadow_(ctx: click.Context, since: str | None, workload: str, examples: int, state: str, as_json: bool) -> None:
    """Show what statements with `mode: shadow` would have changed, were they in force.

    \b
    Exit codes:
      0   nothing
      1   some verdicts
    """
    with _verdicts(read_settings(state=state).state / NAME, since or "", workload) as verdicts:
        report = watched(verdicts, since or "", examples)
    _tell(report, as_json)
    ctx.exit(EXIT_WRONG if report.changed else 0)


@contextlib.contextmanager
def _verdicts(path: Path, since: str, workload: str) -> Iterator[Iterator[Judged]]:
    with entries_from(since, path) as (total, entries):
        seen = track(entries, "Judging", total=total, console=terminal(), transient=True)
        yield (one for one in judged(seen) if workload in ("", one.principal.workload))


@contextlib.contextmanager
def _rereading(identity: Path | None, rules: Rules, state: str) -> Iterator[Reread]:
    """Nothing is read again without an *identity*."""
    if identity is None:
        yield lambda one: None
        return
    from weighlock.replay.reread import Rereader  # noqa: PLC0415, it brings all dialects

    identities, config = read_identities(identity), read_settings(state=state)
    folder, key = open_state(state)
    material = MaterialWatch(folder, key)
    pool = Pool(config.workers, config.inspect_timeout, key, config.cache, config.ner, material.current)
    with Reader(folder / NAME) as reader, asyncio.Runner() as runner:

        def open_payload(said: Entry, name: str) -> bytes:
            ciphertext, wrapped = reader.payload(said.seq, name)
            return seal.open_sealed(said.payloads[name], ciphertext, wrapped, identities)

        def inspect(texts: Sequence[Text]) -> Sequence[Finding]:
            return runner.run(pool.inspect(texts, rules.detect))

        runner.run(pool.start())
        try:
            yield Rereader(open_payload, inspect, rules.destinations, config.body_limit)
        finally:
            runner.run(pool.close())


def _earlier(since: str, seconds: int) -> str:
    return timestamp(datetime.fromisoformat(since).timestamp() - seconds) if since else ""


def in_force(path: Path) -> Callable[[str], Version | None]:
    """What gives a policy of the ledger at *path* by the digest that verdicts name."""
    listed = {one.rules: one for one in policies(path)}
    made: dict[str, Version] = {}

    def version(digest: str) -> Version | None:
        if digest not in made and (one := listed.get(digest)):
            nodes = (rulefile.parse(text, name) for name, text in one.files.items())
            made[digest] = Version(parse(nodes, OPERATORS, digest), one.detect)
        return made.get(digest)

    return version


def _tell(report: Report, as_json: bool) -> None:
    changes = sorted(report.changes.values(), key=lambda change: -change.count)
    if as_json:
        told: dict[str, Any] = {"verdicts": report.verdicts, "changed": report.changed}
        told |= {"changes": [_plain(change) for change in changes]}
        told |= {"not_reproduced": report.unlike, "not_judged": dict(report.unjudged)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if changes:
        columns = ("verdicts", "of", "was", "would_be", "because", "workloads", "destinations", "found", "such_as")
        print_table([_row(change) for change in changes], columns)
    click.echo(f"{report.changed} of {report.verdicts} verdicts would change")
    if report.unlike:
        named = f", such as {report.unlike[0]}"
        click.echo(f"not compared: {len(report.unlike)} that the policy of their time does not give again{named}")
    for reason, count in report.unjudged.items():
        if count:
            click.echo(f"not judged: {count}, as {reason}")


def _plain(change: Change) -> dict[str, Any]:
    counted = {name: dict(getattr(change, name)) for name in ("workloads", "owners", "destinations", "entities")}
    outcomes = {"was": asdict(change.was), "now": asdict(change.now)}
    return {"direction": change.direction, "count": change.count, "exchanges": change.exchanges} | outcomes | counted


def _row(change: Change) -> dict[str, Any]:
    return {
        "verdicts": change.count,
        "of": change.direction,
        "was": _said(change.was, change.now),
        "would_be": _said(change.now, change.was),
        "because": ", ".join(change.now.because),
        "workloads": _most(change.workloads),
        "destinations": _most(change.destinations),
        "found": _most(change.entities),
        "such_as": " ".join(change.exchanges),
    }


def _said(one: Outcome, other: Outcome) -> str:
    """The action, and the operators where those alone differ."""
    if one.action != other.action:
        return one.action
    own = {f"{entity} {name}" for entity, name in one.operators.items() if other.operators.get(entity) != name}
    return f"{one.action} ({', '.join(sorted(own)) or 'nothing of it'})"


def _most(counted: Any) -> str:
    first = counted.most_common(3)
    more = f" +{len(counted) - 3}" if len(counted) > 3 else ""
    return ", ".join(f"{name} ×{count}" for name, count in first) + more
