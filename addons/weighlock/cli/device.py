"""A person logs in at a terminal, by what a browser somewhere says (RFC 8628)."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import click

from weighlock.cli.common import EXIT_WRONG
from weighlock.cli.through import TIMEOUT, failed
from weighlock.identity.issuers import secure

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5.0
"""Seconds that are added to the interval when the issuer says `slow_down`."""


def chosen(terms: list[dict[str, Any]], issuer: str) -> dict[str, Any]:
    """The one issuer at which a person logs in."""
    listed = [one for one in terms if issuer in ("", one["issuer"])]
    if not listed:
        raise failed("weighlock: nobody can log in at a terminal: no such issuer has a `login` with a public client")
    if len(listed) > 1:
        raise click.UsageError(f"choose one by --issuer: {', '.join(one['issuer'] for one in listed)}")
    return listed[0]


def id_token(
    terms: Mapping[str, Any],
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """*tell* shows the person where to go. SystemExit, with a line of why, where nobody proves who they are in time."""
    client = {"client_id": terms["client"]}
    asked = {"scope": " ".join(terms["scopes"]), "max_age": str(terms["max_age"])}
    status, begun = _post(terms["device_authorization_endpoint"], client | asked)
    try:
        code, place = begun["device_code"], begun.get("verification_uri_complete") or begun["verification_uri"]
        user_code, until, wait = (
            begun["user_code"],
            clock() + float(begun["expires_in"]),
            float(begun.get("interval", 5)),
        )
        if status != 200 or not secure(place) or not f"{place}{user_code}".isprintable():
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise failed(f"weighlock: the issuer gives no code{_why(begun)}") from None
    tell(f"Open {place}\nand check that it shows {user_code}.")
    while clock() < until:
        sleep(wait)
        status, said = _post(terms["token_endpoint"], client | {"grant_type": GRANT, "device_code": code})
        if status == 200 and isinstance(said.get("id_token"), str):
            return str(said["id_token"])
        if said.get("error") == "slow_down":
            wait += SLOWER
        elif said.get("error") != "authorization_pending":
            raise failed(f"weighlock: the issuer let nobody in{_why(said)}")
    raise failed("weighlock: nobody logged in in time")


def _post(url: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    if not secure(url):
        raise failed("weighlock: the issuer's address is not https")
    request = urllib.request.Request(url, urlencode(form).encode(), {"accept": "application/json"})  # noqa: S310
    try:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310
                status, body = reply.status, reply.read(1 << 20)
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read(1 << 20)
        said = json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        click.echo(f"weighlock: the issuer does not answer ({type(error).__name__})", err=True)
        raise SystemExit(EXIT_WRONG) from None
    return status, said if isinstance(said, dict) else {}


def _why(said: Mapping[str, Any]) -> str:
    word = said.get("error")
    return f": {word[:60]}" if isinstance(word, str) and word.isprintable() else ""
