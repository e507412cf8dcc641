"""`weighlock approvals`: see what is held, and decide."""

from __future__ import annotations

import http.client
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show

token_option = click.option(
    "--token-file", type=click.Path(exists=True, dir_okay=False), help="File with your token. Default: WEIGHLOCK_TOKEN."
)
console_option = click.option("--console", default="", metavar="HOST:PORT", help="The gateway's console.")


@click.group("approvals")
def approvals() -> None:
    """Requests that wait for a person, and the decision about them.

    You decide with a token of your own, for the approvers' audience of your issuer (`approver_audience` in
    rules/identity/issuers.yaml), in WEIGHLOCK_TOKEN or --token-file.
    """


@approvals.command("list")
@click.option("--all", "everything", is_flag=True, help="Settled ones too.")
@console_option
@token_option
@as_json
def list_(everything: bool, console: str, token_file: str | None, as_json: bool) -> None:
    """List what is held."""
    listed = _call("GET", "/api/approvals", console, token_file)
    rows = [_row(approval) for approval in listed if everything or approval["state"] == "pending"]
    columns = ["id", "state", "workload", "owner", "because", "approvers", "requested", "expires"]
    show(rows, columns, as_json, "nothing is held")


@approvals.command("show")
@click.argument("id")
@console_option
@token_option
@as_json
def show_(id: str, console: str, token_file: str | None, as_json: bool) -> None:
    """Show one, with its prompt; every finding in it is masked."""
    approval = _call("GET", f"/api/approvals/{quote(id, safe='')}", console, token_file)
    if as_json:
        click.echo(json.dumps(approval, indent=2, ensure_ascii=False))
        return
    decided = {"decided by": approval["decided_by"], "reason": approval["reason"]}
    for name, value in (_row(approval) | decided).items():
        if value:
            click.echo(f"{name:10} {value}")
    for text in approval["prompt"]:
        click.echo(f"\n{_printable(text['pointer'])}\n{_printable(text['text'])}")


@approvals.command("approve")
@click.argument("id")
@click.option("--reason", default="", help="Why; recorded.")
@console_option
@token_option
def approve(id: str, reason: str, console: str, token_file: str | None) -> None:
    """Release exactly this request, once."""
    _decide(id, True, reason, console, token_file)


@approvals.command("deny")
@click.argument("id")
@click.option("--reason", required=True, help="Why; recorded, and told to the pipeline.")
@console_option
@token_option
def deny(id: str, reason: str, console: str, token_file: str | None) -> None:
    """Refuse it."""
    _decide(id, False, reason, console, token_file)


def _decide(id: str, approve: bool, reason: str, console: str, token_file: str | None) -> None:
    decision = {"approve": approve, "reason": reason}
    approval = _call("POST", f"/api/approvals/{quote(id, safe='')}/decision", console, token_file, decision)
    click.echo(f"{approval['id']} {approval['state']} by {approval['decided_by']}")


def _row(approval: dict[str, Any]) -> dict[str, Any]:
    def time(name: str) -> str:
        return datetime.fromtimestamp(approval[name], UTC).isoformat(timespec="seconds")

    return {
        "id": approval["id"],
        "state": approval["state"],
        "workload": approval["workload"],
        "owner": approval["owner"],
        "because": ", ".join(approval["because"]),
        "approvers": ", ".join(approval["approvers"]),
        "requested": time("requested_at"),
        "expires": time("expires_at"),
    }


def _printable(text: str) -> str:
    """A prompt must not drive the approver's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _call(method: str, path: str, console: str, token_file: str | None, body: Any = None) -> Any:
    """One request to the console, straight to it whatever proxies are set."""
    token = Path(token_file).read_text().strip() if token_file else os.environ.get("WEIGHLOCK_TOKEN", "").strip()
    if not token:
        raise click.UsageError("no token: set WEIGHLOCK_TOKEN, or give --token-file")
    address = read_settings(console=console).console
    if address is None:
        raise click.UsageError("the console is turned off; give --console HOST:PORT")
    connection = http.client.HTTPConnection(*address, timeout=10)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
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
        click.echo(f"weighlock: {_printable(refusal)}", err=True)
        raise SystemExit(EXIT_WRONG)
    return answer
