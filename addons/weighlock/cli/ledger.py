"""`weighlock ledger`: the record, proven and shown. Needs no key but the public one."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from weighlock.adapters.anchoring import read_anchors
from weighlock.adapters.stores.ledgerfile import NAME, Damaged, Reader
from weighlock.adapters.stores.receipts import NAME as RECEIPTS
from weighlock.adapters.stores.receipts import Receipts
from weighlock.adapters.takers import judged
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option, terminal
from weighlock.cli.searching import open_index
from weighlock.cli.since import entries_since, since_option
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.anchors import notes
from weighlock.ledger.checkpoint import Verifier
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.verify import Report, verify

COLUMNS = ("seq", "time", "kind", "workload", "verdict", "why", "findings")


@click.group(cls=Group)
def ledger() -> None:
    """Prove the record and look at its clear part."""


@ledger.command("verify")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--key", default="", metavar="KEY", help="checkpoint.pub, or its text. Default: the one beside FILE.")
@click.option(
    "--kept",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with a checkpoint that was kept elsewhere; may be repeated.",
)
@click.option("--anchors", "anchors_file", default="", metavar="FILE", help="Check what these anchors gave, as well.")
@state_option
@as_json
@click.pass_context
def verify_(
    ctx: click.Context,
    file: Path | None,
    key: str,
    kept: tuple[Path, ...],
    anchors_file: str,
    state: str,
    as_json: bool,
) -> None:
    """Check every entry, payload and checkpoint of FILE, also while the gateway writes it.

    FILE is a ledger.db; by default the gateway's own. Exit code 1: it is not what was written; the first bad entry is
    named. A key that was kept elsewhere proves more than the one beside FILE, and a checkpoint that was kept elsewhere
    (`ledger checkpoint`) shows what was cut off since, and a log that was written anew.

    \b
    What is wrong has a word of its own, and the number of the step that found it:
     1  deleted, inserted                        numbers are missing, or come twice
     2  edited                                   the bytes are not those that were written
     3  unreadable, swapped, reordered,          no entry, or not at the place where it
        inserted, deleted                        was written
     4  time-back                                it says an earlier time than the one before
     5  payload-changed, payload-missing,        a sealed payload, or the key to it, is not
        payload-key-changed, ...                 the one that the entry names
     6  checkpoint, checkpoint-key, unsigned     a signature is bad, of another key, or lacks
     7  root                                     entries were edited together with their leaves
     8  truncated                                entries are cut from the end
     9  rolled-back, forked, anchor, receipt     what was kept elsewhere says otherwise, or
                                                 what an anchor gave for it is not good
    10  trigger                                  what keeps honest hands from slipping is gone
    11  segment, segment-missing                 a segment does not follow the one before it, or
                                                 one is missing and no entry says it was removed
    """
    path = file or read_settings(state=state).state / NAME
    verifier = read_verifier(key or str(path.with_name("checkpoint.pub")))
    given = _given(path.parent, Path(anchors_file)) if anchors_file else []
    outside = [note for _, note, wrong in given if not wrong]
    for text in (one.read_text("utf-8", "replace") for one in kept):
        outside += notes(text) or [text]
    try:
        with Reader(path) as reader:
            rows = track(reader.rows(), "Verifying", total=reader.count(), console=terminal(), transient=True)
            report = verify(
                rows,
                reader.payloads(),
                reader.checkpoints(),
                verifier,
                anchors=outside,
                unguarded=reader.unguarded(),
                begins=reader.begins(),
            )
    except Damaged as error:
        report = Report()
        report.add(0, 0, "unreadable", error.message)
    for id, _, wrong in given:
        if wrong:
            report.add(0, 9, "receipt", f"of anchor {id}: {wrong}")
    if as_json:
        found = {"ok": report.ok, "first_bad": report.first_bad, "key": verifier.text} | dataclasses.asdict(report)
        click.echo(json.dumps(found, indent=2))
    else:
        _tell(report, verifier)
    ctx.exit(0 if report.ok else EXIT_WRONG)


def _given(state: Path, path: Path) -> list[tuple[str, str, str]]:
    """What the anchors of the file at *path* gave: id, checkpoint, and what is wrong with it."""
    listed = read_anchors(path).listed
    if not (state / RECEIPTS).is_file():
        return list(judged(listed, ()))
    with contextlib.closing(Receipts.open(state)) as receipts:
        return list(judged(listed, receipts.all()))


def _tell(report: Report, verifier: Verifier) -> None:
    for problem in report.problems:
        click.echo(f"entry {problem.seq}: {problem.message} ({problem.kind}, step {problem.step})")
    if report.found > len(report.problems):
        click.echo(f"and {report.found - len(report.problems)} more problems")
    counts = f"{report.entries} entries, {report.checkpoints} checkpoints, {report.signed} entries signed"
    if report.removed:
        counts += f", the first {report.removed} removed"
    if report.ok:
        click.echo(f"ok: {counts} by {verifier.name}")
    else:
        click.echo(f"NOT OK: {report.found} problems, the first at entry {report.first_bad}; {counts}")


def read_verifier(key: str) -> Verifier:
    """*key* is a file, or the key itself."""
    text, where = key, "--key"
    if Path(key).is_file() or "+" not in key:
        where = key
        try:
            text = Path(key).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConfigError("no key there; name it with --key", where) from None
    try:
        return Verifier.parse(text)
    except ValueError as error:
        raise ConfigError(str(error), where) from None


@ledger.command("show")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=1), help="At most this many, the newest."
)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only entries of this kind.")
@since_option
@state_option
@as_json
def show_(limit: int, kind: str | None, since: str | None, state: str, as_json: bool) -> None:
    """Show the newest entries: when, who, how judged and why. No prompts: those are sealed."""
    if kind:
        with open_index(state) as (index, reader):
            newest = [entry.parse(reader.entry(seq)) for seq in index.newest(kind, limit)]
        entries = [said for said in newest if said.time >= (since or "")]
    else:
        with contextlib.closing(entries_since(since or "", read_settings(state=state).state / NAME)) as found:
            entries = list(itertools.islice(found, limit))
    form = whole if as_json else row
    show(map(form, entries[::-1]), COLUMNS, as_json, empty="no entries")


def whole(said: Entry) -> dict[str, Any]:
    """*said* as it is recorded."""
    value: dict[str, Any] = json.loads(entry.canonical(said))
    return value


def row(said: Entry) -> dict[str, Any]:
    """*said* as a line of the table."""
    body = said.body
    refused, verdict, approval = body.get("refused", {}), body.get("verdict", {}), body.get("approval", {})
    because = refused.get("because") or verdict.get("because") or body.get("because") or []
    why = [refused.get("code", ""), ", ".join(because), body.get("event", ""), body.get("message", "")]
    judged = "refused" if refused else verdict.get("action", "")
    if said.kind is Kind.APPROVAL:
        judged = approval.get("state", "")
    return {
        "seq": said.seq,
        "time": said.time,
        "kind": said.kind.value,
        "workload": body.get("who", {}).get("workload", ""),
        "verdict": judged,
        "why": ": ".join(part for part in why if part),
        "findings": ", ".join(f"{entity} ×{count}" for entity, count in body.get("entities", {}).items()),
    }
