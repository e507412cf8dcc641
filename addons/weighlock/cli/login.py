"""`weighlock login`: a person proves who they are; a pipeline exchanges its token for a session of the gateway."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import click

from weighlock.cli import device, keptlogin
from weighlock.cli.approvals import ask_console, console_option, printable
from weighlock.cli.through import TIMEOUT, ask, failed
from weighlock.identity.sessions import GRANT


@click.command("login")
@click.option(
    "--gateway", envvar="WEIGHLOCK_GATEWAY", default="", metavar="URL", help="Of a pipeline, as http://HOST:PORT."
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    envvar="SSL_CERT_FILE",
    metavar="FILE",
    help="The gateway's CA certificate. Default: SSL_CERT_FILE, else what the system trusts.",
)
@click.option(
    "--token-file", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="File with the pipeline's token."
)
@click.option("--audience", default="weighlock", show_default=True, help="To ask the platform for a token for.")
@click.option("--json", "as_json", is_flag=True, help="Print the gateway's answer as JSON instead.")
@click.option("--console", default="", metavar="HOST:PORT", help="Of a person: the gateway's console.")
@click.option("--issuer", default="", metavar="URL", help="Where to log in, if that can be at several.")
def login(
    gateway: str, ca: str | None, token_file: str | None, audience: str, as_json: bool, console: str, issuer: str
) -> None:
    """Log in to decide about approvals; or, with --gateway, open a session for this job.

    Without --gateway, you are told where to prove in a browser who you are. The token is kept in the state folder, for
    you alone, until `weighlock logout`.

    \b
      export "$(weighlock login --gateway http://10.0.0.5:8080)"      in a shell
      weighlock login --gateway http://10.0.0.5:8080 >> $GITHUB_ENV   for the steps that follow, in GitHub Actions

    With it, the line is printed that makes the job's clients use the session. The pipeline's token comes from
    --token-file, WEIGHLOCK_TOKEN (GitLab: id_tokens), or the platform itself: GitHub Actions (permissions: id-token:
    write), Buildkite, CircleCI. It is exchanged once; the session lives as long as the workload's job may take, and
    ends at once when somebody is cut off.
    """
    if console or not gateway:
        _person(console, issuer)
        return
    host, port = _address(gateway)
    answer = _exchange(host, port, ca, _token(os.environ, token_file, audience))
    handle = answer["access_token"]
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(f"::add-mask::{handle}", err=True)
    name = f"[{host}]" if ":" in host else host
    click.echo(json.dumps(answer) if as_json else f"HTTPS_PROXY=http://session:{handle}@{name}:{port}")


@click.command("logout")
@console_option
def logout(console: str) -> None:
    """Forget who logged in, and tell the gateway, which records it."""
    token = keptlogin.forget()
    click.echo("logged out" if token else "nobody was logged in")
    if token:
        try:
            ask_console("POST", "/api/me/logout", console, token)
        except (SystemExit, click.UsageError):  # out of time, maybe: then it was worth nothing any more
            click.echo("weighlock: the gateway has not recorded it", err=True)


def _person(console: str, issuer: str) -> None:
    terms = device.chosen(ask_console("GET", "/api/login", console, ""), issuer)
    token = device.id_token(terms, lambda text: click.echo(text, err=True))
    me = ask_console("POST", "/api/me/login", console, token)  # what the gateway does not take is not worth keeping
    click.echo(f"logged in as {printable(me['name'])}; the token is in {keptlogin.keep(token)}")


def _address(gateway: str) -> tuple[str, int]:
    try:
        parts = urlsplit(gateway)
        if parts.scheme == "http" and parts.hostname and parts.port and not parts.path.strip("/"):
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise click.UsageError("--gateway is a URL such as http://10.0.0.5:8080")


def _token(environ: Mapping[str, str], file: str | None, audience: str) -> str:
    if file:
        return Path(file).read_text("utf-8").strip()
    if environ.get("WEIGHLOCK_TOKEN"):
        return environ["WEIGHLOCK_TOKEN"].strip()
    if environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
        return _github(environ, audience)
    if environ.get("BUILDKITE") and shutil.which("buildkite-agent"):
        return _said_by("buildkite-agent", "oidc", "request-token", "--audience", audience)
    if environ.get("CIRCLECI") and shutil.which("circleci"):
        return _said_by("circleci", "run", "oidc", "get", "--claims", json.dumps({"aud": audience}))
    raise click.UsageError("no token: give --token-file, or set WEIGHLOCK_TOKEN; --help says what else")


def _github(environ: Mapping[str, str], audience: str) -> str:
    """docs.github.com, "OpenID Connect reference": requesting the JWT by environment variables."""
    url = f"{environ['ACTIONS_ID_TOKEN_REQUEST_URL']}&{urlencode({'audience': audience})}"
    bearer = {"authorization": f"Bearer {environ.get('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')}"}
    try:
        request = urllib.request.Request(url, headers=bearer)  # noqa: S310 the platform's own URL
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310
            return str(json.loads(reply.read(1 << 20))["value"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        raise failed("weighlock: GitHub gave no token; the job needs `permissions: {id-token: write}`") from None


def _said_by(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        raise failed(f"weighlock: {command[0]} gave no token") from None
    return run.stdout.strip()


def _exchange(host: str, port: int, ca: str | None, token: str) -> Mapping[str, Any]:
    """RFC 8693."""
    form = {
        "grant_type": GRANT,
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return ask((host, port), ca, "POST", "/token", urlencode(form), headers)
