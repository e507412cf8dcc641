"""The gateway's own credential for the model host. The client's are never among what goes on."""

from __future__ import annotations

import os
from pathlib import Path

from mitmproxy import http

from weighlock.errors import Unavailable
from weighlock.model import Destination, Exchange, Headers
from weighlock.stages.stage import Stage, filled


class Broker(Stage):
    fills = "credential"
    kind = tuple

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Headers:
        destination = filled(exchange.destination)
        if not destination.credential:
            return ()
        secret = _read(destination)
        header = destination.credential_header.lower()
        return ((header, f"Bearer {secret}" if header == "authorization" else secret),)


def _read(destination: Destination) -> str:
    kind, _, name = destination.credential.partition(":")
    try:
        secret = os.environ[name] if kind == "env" else Path(name).read_text("ascii")
    except (KeyError, OSError, ValueError):
        secret = ""
    secret = secret.strip()
    if not secret or not secret.isprintable():
        raise Unavailable(
            "credential-missing",
            f"The gateway has no credential for destination {destination.name!r}.",
            next_step=f"Its operator sets {kind} {name!r}." if kind == "env" else "Its operator provides the file.",
        )
    return secret
