"""`weighlock sessions`: the record as what it is about: runs and conversations, not single entries."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerindex import Filter
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option
from weighlock.cli.conversation import auditor_option, opener, turn
from weighlock.cli.ledger import COLUMNS as ENTRY_COLUMNS
from weighlock.cli.ledger import row, whole
from weighlock.cli.searching import open_index
from weighlock.cli.since import Since, entries_since, since_option
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry
from weighlock.ledger.sessions import OUTCOMES, outcome, words

COLUMNS = ("session", "workload", "principal", "began", "last", "exchanges", "verdict", "findings")
INTERVAL = 0.5
"""Seconds between two looks of `tail`."""


@click.group(cls=Group)
def sessions() -> None:
    """Runs and conversations: the exchanges that belong together.

    A session is what `weighlock login` opened; else one run of CI, by the claims of its tokens; else all that one
    token was shown for. A conversation is what of it begins with the same turn, for chats send all that was said before
    with every request.
    """


def filters[F: Callable[..., Any]](command: F) -> F:
    """The options that say which exchanges are meant, as one argument, *wanted*."""

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        names = ("workload", "principal", "entity", "outcome", "conversation", "since", "until", "text")
        wanted = Filter(**{name: given.pop(name) or "" for name in names})
        return command(wanted=wanted, **given)

    decorated: Any = run
    for decorate in reversed(
        (
            click.option("--workload", default="", metavar="ID", help="Only of this workload."),
            click.option("--principal", default="", metavar="NAME", help="Only of this subject, owner or person."),
            click.option("--entity", default="", metavar="NAME", help="Only where this was found: EMAIL_ADDRESS."),
            click.option("--verdict", "outcome", type=click.Choice(OUTCOMES), help="Only what went this way."),
            click.option("--conversation", default="", metavar="ID", help="Only of this one, as `show` names it."),
            click.option("--text", default="", metavar="WORDS", help="Only with these words in clear fields."),
            since_option,
            click.option("--until", type=Since(), metavar="WHEN", help="Only what is not newer."),
        )
    ):
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]


@sessions.command("list")
@filters
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="At most so many, the newest.")
@state_option
@as_json
def list_(wanted: Filter, limit: int, state: str, as_json: bool) -> None:
    """Show sessions, the newest last, with how they went. Clear fields only: no key is needed."""
    with open_index(state) as (index, _):
        rows = index.sessions(wanted, limit)
    if not as_json:
        rows = [
            said | {"findings": ", ".join(f"{name} ×{count}" for name, count in said["entities"].items())}
            for said in rows
        ]
    show(rows, COLUMNS, as_json, empty="no sessions")


@sessions.command("show")
@click.argument("session")
@click.option("--conversation", default="", metavar="ID", help="Only this one of its conversations.")
@auditor_option
@state_option
@as_json
@click.pass_context
def show_(
    ctx: click.Context, session: str, conversation: str, auditor_key: Path | None, state: str, as_json: bool
) -> None:
    """Show SESSION, or the one whose name begins so, turn by turn.

    Of each exchange: what was found and what became of it, which statements of which policy decided, and who approved.
    With --auditor-key also what was said, as the model host got it and the client saw it: masked, and what a
    conversation says again not again.
    """
    with open_index(state) as (index, reader):
        names = index.like(session)
        if len(names) != 1:
            told = f"{len(names)} sessions begin with it" if names else "no such session"
            click.echo(f"weighlock: {session}: {told}", err=True)
            ctx.exit(EXIT_WRONG)
        read = opener(reader, auditor_key)
        turns = [
            turn([entry.parse(reader.entry(seq)) for seq in index.seqs(exchange)], read)
            for exchange in index.exchanges(names[0])
        ]
        head = index.session(names[0])
    turns = [said for said in turns if conversation in ("", said["conversation"])]
    if as_json:
        click.echo(json.dumps(head | {"turns": turns}, indent=2, ensure_ascii=False))
        return
    click.echo(f"{head['session']}: {head['workload']} of {head['owner']} as {head['principal']}")
    conversations: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, said in enumerate(turns, 1):
        conversations.setdefault(said["conversation"], []).append((number, said))
    for name, some in conversations.items():
        if name:
            click.echo(f"\nconversation {name}")
        before: list[dict[str, str]] = []
        for number, said in some:
            _tell(number, said, before if name else [])
            before = said["request"].get("texts", [])


def _tell(number: int, said: dict[str, Any], before: Sequence[dict[str, str]]) -> None:
    """Without what the exchange *before* had asked already."""
    asked = " ".join(part for part in (said["operation"], said["model"], "at", said["host"]) if part)
    click.echo(f"\n{number}. {said['time']}  {said['verdict'] or 'under way'}  {asked}  ({said['exchange']})")
    for side in ("request", "response"):
        part = said[side]
        for entity, became in part["found"].items():
            click.echo(
                f"   {side}: {entity} ×{became['count']}" + (f" → {became['operator']}" if became["operator"] else "")
            )
    if said["because"]:
        click.echo(f"   decided by {', '.join(said['because'])} of policy {said['policy'][:12]}")
    for approval in said["approvals"]:
        by = f" by {approval['by']}" if approval["by"] else ""
        click.echo(f"   approval {approval['id']}: {approval['state']}{by} at {approval['time']}")
    if said["refused"]:
        click.echo(f"   refused: {said['refused']['code']}: {said['refused']['reason']}")
    asked_now = said["request"].get("texts", [])
    if again := sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(asked_now, before, strict=False))):
        click.echo(f"   > ({again} texts as before)")
    for side in ("request", "response"):
        for line in said[side].get("texts", [])[again if side == "request" else 0 :]:
            role = f"{line['role']}: " if line["role"] else ""
            click.echo("   " + ("> " if side == "request" else "< ") + role + line["text"].replace("\n", "\n     "))


@sessions.command("tail")
@filters
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(min=0), help="Entries from before to begin with."
)
@click.option("--no-follow", is_flag=True, help="Stop at the newest entry.")
@state_option
@as_json
def tail(wanted: Filter, limit: int, no_follow: bool, state: str, as_json: bool) -> None:
    """Show entries as they are written, until interrupted. --text is looked for as it is written, without an index."""
    path = read_settings(state=state).state / NAME
    following = 0
    before: list[Entry] = []
    with contextlib.closing(entries_since(wanted.since, path)) as newest:
        for said in newest:
            following = max(following, said.seq + 1)
            if limit and _meant(wanted, said):
                before.append(said)
            if len(before) >= limit:
                break
    for said in reversed(before):
        _print(said, as_json)
    while not no_follow:
        time.sleep(INTERVAL)
        with Reader(path) as reader:
            for data in reader.entries(first=following):
                said = entry.parse(data)
                following = said.seq + 1
                if _meant(wanted, said):
                    _print(said, as_json)


def _print(said: Entry, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(whole(said), ensure_ascii=False))
    else:
        cells = row(said)
        click.echo("  ".join(str(cells[name]) for name in ENTRY_COLUMNS if cells[name] != ""))


def _meant(wanted: Filter, said: Entry) -> bool:
    """Whether this one entry fits; of an exchange's later ones, what only its first says is not known here."""
    who = said.body.get("who", {})
    return (
        (not wanted.workload or who.get("workload") == wanted.workload)
        and (
            not wanted.principal or wanted.principal in (who.get("subject"), who.get("owner"), *who.get("persons", ()))
        )
        and (not wanted.entity or wanted.entity in said.body.get("entities", {}))
        and (not wanted.outcome or outcome(said) == wanted.outcome)
        and (not wanted.conversation or said.body.get("conversation") == wanted.conversation)
        and (not wanted.until or said.time <= wanted.until)
        and (not wanted.text or wanted.text.casefold() in "\n".join(words(said.body)).casefold())
    )
