"""`weighlock wait`: a pipeline waits for the decision about what it asked for."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from weighlock.cli.approvals import console_option, get, plain_id, printable, token_option
from weighlock.cli.common import EXIT_WRONG
from weighlock.cli.through import ask
from weighlock.policy.terms import duration

EXIT_PENDING = 75
"""EX_TEMPFAIL of sysexits.h."""


@click.command("wait")
@click.argument("id")
@click.option("--timeout", default="4h", show_default=True, help="How long to wait.")
@click.option("--interval", default=2.0, type=click.FloatRange(0.1, 60), help="Seconds between two looks.")
@click.option(
    "--proxy",
    envvar="HTTPS_PROXY",
    metavar="URL",
    help="The gateway, with the job's token: http://oidc:TOKEN@HOST:PORT. Default: HTTPS_PROXY.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    envvar="SSL_CERT_FILE",
    metavar="FILE",
    help="The gateway's CA certificate. Default: SSL_CERT_FILE, else what the system trusts.",
)
@console_option
@token_option
def wait(
    id: str, timeout: str, interval: float, proxy: str | None, ca: str | None, console: str, token_file: str | None
) -> None:
    """Wait until approval ID is decided.

    In a pipeline it asks the gateway, as the workload that was held; without a proxy the console, as an approver. Exit
    codes: 0 approved, 1 denied or over, 75 not decided yet. Run the job again after a 0.
    """
    try:
        end = time.monotonic() + duration(timeout)
    except ValueError:
        raise click.UsageError("--timeout is a duration such as 45s, 15m or 1h") from None
    said = ""
    while True:
        approval = _through(proxy, ca, id) if proxy and not console else get(id, console, token_file)
        state = approval["state"]
        if state != said:
            said = state
            click.echo(f"{id} {state}{_more(approval)}", err=state == "pending")
        if state != "pending":
            raise SystemExit(0 if state in ("approved", "consumed") else EXIT_WRONG)
        if time.monotonic() + interval > end:
            raise SystemExit(EXIT_PENDING)
        time.sleep(interval)


def _through(proxy: str, ca: str | None, id: str) -> dict[str, Any]:
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname or not parts.port or not parts.password:
        raise click.UsageError("--proxy is a URL such as http://oidc:TOKEN@10.0.0.5:8080")
    known = {"authorization": f"Bearer {unquote(parts.password)}"}
    return ask((parts.hostname, parts.port), ca, "GET", f"/approvals/{plain_id(id)}", headers=known)


def _more(approval: dict[str, Any]) -> str:
    if approval["state"] == "pending":
        return f": {approval['need']} of {' or '.join(approval['groups'])} can approve it"
    last = approval["decisions"][-1] if approval.get("decisions") else approval
    if not last.get("who"):
        return ""
    reason = f": {last['reason']}" if last["reason"] else ""
    return printable(f" by {last['who']}{reason}")
