"""The gateway's own endpoint, as a pipeline reaches it: through the gateway, and through no other proxy."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

import click

from weighlock.cli.common import EXIT_WRONG
from weighlock.destination import RESERVED

TIMEOUT = 20
"""Seconds for each step."""


def ask(
    gateway: tuple[str, int],
    ca: str | None,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Its answer; SystemExit, with a line of why, for a refusal."""
    host, port = gateway
    try:
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
        try:
            connection.set_tunnel(RESERVED.host, RESERVED.port)
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            answer: dict[str, Any] = json.loads(reply.read(1 << 20))
        finally:
            connection.close()
    except ssl.SSLCertVerificationError:
        raise failed("weighlock: the gateway's certificate is not trusted; name its CA with --ca") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise failed(f"weighlock: no gateway answers at {host}:{port} ({type(error).__name__})") from None
    if reply.status != 200:
        raise failed(f"{answer.get('error_description', 'refused')} [{answer.get('code', reply.status)}]")
    return answer


def failed(message: str) -> SystemExit:
    click.echo(message, err=True)
    return SystemExit(EXIT_WRONG)
