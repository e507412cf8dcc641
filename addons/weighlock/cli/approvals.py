"""`weighlock approvals`: see what is held, and decide."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click
from rich.live import Live

from weighlock.cli import keptlogin
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show, table

COLUMNS = ("id", "state", "workload", "owner", "because", "approvers", "approved", "requested", "ends")

token_option = click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False),
    help="File with your token. Default: WEIGHLOCK_TOKEN, else that of `weighlock login`.",
)
console_option = click.option("--console", default="", metavar="HOST:PORT", help="The gateway's console.")


@click.group("approvals")
def approvals() -> None:
    """Requests that wait for a person, and the decision about them.

    You decide as yourself: after `weighlock login`, or with a token for the approvers' audience of your issuer
    (`approver_audience` in rules/identity/issuers.yaml) in WEIGHLOCK_TOKEN or --token-file.
    """


@approvals.command("list")
@click.option("--all", "everything", is_flag=True, help="Settled ones too.")
@console_option
@token_option
@as_json
def list_(everything: bool, console: str, token_file: str | None, as_json: bool) -> None:
    """List what waits for a decision, and each broken glass that waits for its review."""
    show(_listed(everything, console, token_file), COLUMNS, as_json, "nothing is held")


@approvals.command("watch")
@click.option("--interval", default=2.0, type=click.FloatRange(0.1, 60), help="Seconds between two looks.")
@console_option
@token_option
def watch(interval: float, console: str, token_file: str | None) -> None:
    """Show what waits for a decision, live, until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
        while True:
            rows = _listed(False, console, token_file)
            live.update(table(rows, COLUMNS) if rows else "nothing is held", refresh=True)
            time.sleep(interval)


@approvals.command("show")
@click.argument("id")
@console_option
@token_option
@as_json
def show_(id: str, console: str, token_file: str | None, as_json: bool) -> None:
    """Show one, with its prompt; every finding in it is masked."""
    approval = get(id, console, token_file)
    if as_json:
        click.echo(json.dumps(approval, indent=2, ensure_ascii=False))
        return
    for name, value in _described(approval).items():
        if value:
            click.echo(f"{name:12} {printable(value)}")
    for text in approval["prompt"]:
        click.echo(f"\n{printable(text['pointer'])}\n{printable(text['text'])}")


@approvals.command("approve")
@click.argument("id")
@click.option("--reason", default="", help="Why; recorded. Some statements want one.")
@click.option("--break-glass", is_flag=True, help="In an emergency, alone; it is loud, short, and reviewed afterwards.")
@console_option
@token_option
def approve(id: str, reason: str, break_glass: bool, console: str, token_file: str | None) -> None:
    """Release exactly this request, once."""
    _post(id, "decision", console, token_file, approve=True, reason=reason, break_glass=break_glass)


@approvals.command("deny")
@click.argument("id")
@click.option("--reason", required=True, help="Why; recorded, and told to the pipeline.")
@console_option
@token_option
def deny(id: str, reason: str, console: str, token_file: str | None) -> None:
    """Refuse it."""
    _post(id, "decision", console, token_file, approve=False, reason=reason)


@approvals.command("revoke")
@click.argument("id")
@click.option("--reason", required=True, help="Why; recorded, and told to the pipeline.")
@console_option
@token_option
def revoke(id: str, reason: str, console: str, token_file: str | None) -> None:
    """Take back what was approved and not used."""
    _post(id, "revocation", console, token_file, reason=reason)


@approvals.command("review")
@click.argument("id")
@click.option("--reason", required=True, help="What you think of it; recorded.")
@console_option
@token_option
def review(id: str, reason: str, console: str, token_file: str | None) -> None:
    """Review an approval by broken glass, as somebody who did not break it."""
    _post(id, "review", console, token_file, reason=reason)


def get(id: str, console: str, token_file: str | None) -> dict[str, Any]:
    approval: dict[str, Any] = call("GET", f"/api/approvals/{plain_id(id)}", console, token_file)
    return approval


def plain_id(id: str) -> str:
    """*id* as one segment of a path, whatever it is."""
    return quote(id, safe="")


def _post(id: str, what: str, console: str, token_file: str | None, **said: Any) -> None:
    approval = call("POST", f"/api/approvals/{plain_id(id)}/{what}", console, token_file, said)
    last = approval["review"] if what == "review" else approval["decisions"][-1]
    if what == "review":
        click.echo(f"{approval['id']} reviewed by {printable(last['who'])}")
    elif approval["state"] == "pending":
        missing = f"{len(approval['decisions'])} of {approval['need']}"
        click.echo(f"{approval['id']} approved by {printable(last['who'])}, {missing}: it waits for others")
    else:
        click.echo(f"{approval['id']} {approval['state']} by {printable(last['who'])}")


def _listed(everything: bool, console: str, token_file: str | None) -> list[dict[str, Any]]:
    listed = call("GET", f"/api/approvals{'' if everything else '?waiting=true'}", console, token_file)
    return [_row(one) for one in listed if everything or one["state"] == "pending" or _unreviewed(one)]


def _unreviewed(approval: dict[str, Any]) -> bool:
    return not approval["review"] and any(one["break_glass"] for one in approval["decisions"])


def _row(approval: dict[str, Any]) -> dict[str, Any]:
    yes = [one["who"] for one in approval["decisions"] if one["approve"]]
    return {
        "id": approval["id"],
        "state": approval["state"] + (", not reviewed" if _unreviewed(approval) else ""),
        "workload": approval["workload"],
        "owner": approval["owner"],
        "destination": approval["destination"],
        "model": printable(approval["model"]),
        "because": ", ".join(approval["because"]),
        "approvers": ", ".join(approval["groups"]),
        "approved": f"{len(yes)} of {approval['need']}",
        "requested": _time(approval["requested_at"]),
        "ends": _time(approval["use_by"] or approval["decide_by"]),
    }


def _described(approval: dict[str, Any]) -> dict[str, str]:
    who = [
        f"{'approved' if one['approve'] else 'ended'} by {one['who']}"
        + (" BY BROKEN GLASS" if one["break_glass"] else "")
        + (f": {one['reason']}" if one["reason"] else "")
        for one in approval["decisions"]
    ]
    seen = approval["review"]
    more = {"subject": approval["subject"], "operation": f"{approval['dialect']} {approval['operation']}"}
    return (
        {name: str(value) for name, value in _row(approval).items()}
        | more
        | {"reason": approval["reason"], "decisions": "; ".join(who)}
        | {"review": f"{seen['who']}: {seen['reason']}" if seen else ""}
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def printable(text: str) -> str:
    """A prompt must not drive the approver's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def call(method: str, path: str, console: str, token_file: str | None, body: Any = None) -> Any:
    """One request to the console, straight to it whatever proxies are set."""
    return ask_console(method, path, console, keptlogin.token(token_file), body)


def ask_console(method: str, path: str, console: str, token: str, body: Any = None) -> Any:
    """The same, with *token*, or none."""
    address = read_settings(console=console).console
    if address is None:
        raise click.UsageError("the console is turned off; give --console HOST:PORT")
    connection = http.client.HTTPConnection(*address, timeout=10)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        refusal = "" if response.status == 200 else answer["detail"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        click.echo(f"weighlock: no gateway answers at {address[0]}:{address[1]}; is it running?", err=True)
        raise SystemExit(EXIT_WRONG) from None
    finally:
        connection.close()
    if refusal:
        click.echo(f"weighlock: {printable(refusal)}", err=True)
        raise SystemExit(EXIT_WRONG)
    return answer
