"""Those who are told of approvals, for tests: a receiver of webhooks, and a mail server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import queue
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Without asking what this host is called, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]


class Hooks:
    """Answers each POST with the next of *statuses*, then with 204. A context manager."""

    def __init__(self, *statuses: int) -> None:
        self.got: queue.Queue[Got] = queue.Queue()
        left = list(statuses)
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got.put(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(left.pop(0) if left else 204)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/held"

    def __enter__(self) -> Hooks:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    async def next(self) -> Got:
        return await asyncio.to_thread(self.got.get, timeout=10)


def verified(secret: bytes, got: Got) -> bool:
    """As a receiver checks a Standard Webhook."""
    content = b".".join([got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body])
    given = [one.split(",", 1) for one in got.headers["webhook-signature"].split(" ")]
    made = hmac.digest(secret, content, hashlib.sha256)
    return any(version == "v1" and hmac.compare_digest(base64.b64decode(one), made) for version, one in given)


@dataclass
class Post:
    port: int = 0
    mails: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    said: list[str] = field(default_factory=list)
    """The commands of the client."""


@asynccontextmanager
async def post(refuse: bytes = b"", context: ssl.SSLContext | None = None) -> AsyncIterator[Post]:
    """An SMTP server on loopback that takes everything; or answers DATA with *refuse*. With *context*, under TLS."""
    office = Post()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loopback\r\n")
        while line := await reader.readline():
            office.said.append(word := line.decode().strip().upper())
            if word == "DATA" and not refuse:
                writer.write(b"354 go on\r\n")
                office.mails.put_nowait((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
            elif word == "DATA":
                writer.write(refuse + b"\r\n")
            elif word.startswith("EHLO"):
                writer.write(b"250-loopback\r\n250 8BITMIME\r\n")
            else:
                writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    office.port = server.sockets[0].getsockname()[1]
    yield office
    server.close()
