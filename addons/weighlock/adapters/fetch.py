"""What an issuer, a transmitter or a token endpoint answers: straight, past every proxy, bounded in size and time."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.iostream import IOStream
from tornado.netutil import ExecutorResolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.tcpclient import TCPClient

from weighlock.errors import Malformed
from weighlock.wire import jsontext

TIMEOUT = 3.0
"""Seconds for the whole of an exchange: name, connection, answer."""
MAX_BYTES = 256 << 10

# Names and authorities are looked up in threads of their own: others must not wait for a resolver that is dead.
_THREADS = ThreadPoolExecutor(4, "weighlock-fetch")


class Unreachable(Exception):
    """There is no answer that can be used; says why, and quotes nothing of it."""


async def answer(
    url: str,
    *,
    ca: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 it is also the client's own
    threads: ThreadPoolExecutor = _THREADS,
) -> tuple[int, bytes]:
    """Status and body of what *url* answers to GET, or to POST where there is a *body*; a redirect is such an answer.

    *ca* is a PEM file of authorities that takes the place of the system's. Raises Unreachable where there is none, or
    too much. Tornado's own client knows no proxies, and so never goes through the gateway.
    """
    client = _Client(
        force_instance=True,
        max_buffer_size=MAX_BYTES,
        max_header_size=MAX_BYTES,
        resolver=ExecutorResolver(executor=threads, close_executor=False),
    )
    try:
        async with asyncio.timeout(timeout):
            authorities = await asyncio.get_running_loop().run_in_executor(threads, _authorities, ca)
            response = await client.fetch(
                HTTPRequest(
                    url,
                    method="GET" if body is None else "POST",
                    headers={"accept": "application/json"} | dict(headers or {}),
                    body=body,
                    connect_timeout=timeout,
                    request_timeout=timeout,
                    follow_redirects=False,
                    decompress_response=False,
                    user_agent="weighlock",
                    ssl_options=authorities,
                ),
                raise_error=False,
            )
    except Exception as error:  # whatever the other side does to the client; its text may quote the answer
        raise Unreachable(type(error).__name__) from None
    finally:
        client.close()
    if response.code == 599:  # Tornado's own, for no answer at all
        raise Unreachable(type(response.error).__name__)
    return response.code, response.body


async def json(
    url: str,
    *,
    ca: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 as above
) -> Any:
    """As `answer`, each number as a `jsontext.Number`. Raises Unreachable for anything but a 200 with strict JSON."""
    status, said = await answer(url, ca=ca, body=body, headers=headers, timeout=timeout)
    if status != 200:
        raise Unreachable(f"HTTP {status}")
    return parsed(said)


class _Client(SimpleAsyncHTTPClient):
    """Tornado's own leaves the connection of a request that is cancelled open until it times out; this one ends it."""

    def initialize(self, **given: Any) -> None:  # type: ignore[override]
        super().initialize(**given)
        self.tcp_client = self._connections = _Connections(self.resolver)

    def close(self) -> None:
        super().close()
        if self._connections.last:
            self._connections.last.close()


class _Connections(TCPClient):
    last: IOStream | None = None

    async def connect(self, *where: Any, **given: Any) -> IOStream:
        self.last = await super().connect(*where, **given)
        return self.last


def parsed(data: bytes) -> Any:
    """Strict JSON, each number as a `jsontext.Number`. Raises Unreachable."""
    if len(data) > MAX_BYTES:
        raise Unreachable("too large")
    try:
        return jsontext.parse(data).value
    except Malformed as error:
        raise Unreachable(error.code) from None


def _authorities(ca: str) -> ssl.SSLContext:
    return _context(ca, Path(ca).stat().st_mtime_ns if ca else 0)


@functools.lru_cache(maxsize=32)
def _context(ca: str, _changed: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca or None)
