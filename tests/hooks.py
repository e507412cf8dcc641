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
from contextlib import asynccontextmanager, suppress
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
    clear: int = 0
    """How many of them came in the clear; all of them, where TLS never began."""


@asynccontextmanager
async def post(
    refuse: bytes = b"",
    context: ssl.SSLContext | None = None,
    *,
    starttls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
) -> AsyncIterator[Post]:
    """An SMTP server on loopback that takes everything; or answers DATA with *refuse*.

    Under TLS from the start with *context*, or from STARTTLS on with *starttls*. With *login*, a user and a password,
    it takes nothing of anybody else; it offers that under TLS alone, as servers do.
    """
    office = Post()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loopback\r\n")
        secret = base64.b64encode("\0".join(("", *login)).encode()).decode() if login else ""
        under_tls, trusted = context is not None, login is None
        while line := await reader.readline():
            office.said.append(line.decode().strip().upper())
            office.clear += not under_tls
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "EHLO":
                    offered = [b"STARTTLS"] if starttls and not under_tls else []
                    offered += [b"AUTH PLAIN"] if login and under_tls else []
                    writer.write(b"".join(b"250-%s\r\n" % one for one in (b"loopback", *offered)) + b"250 8BITMIME\r\n")
                case "STARTTLS" if starttls:
                    writer.write(b"220 go on\r\n")
                    await writer.start_tls(starttls)
                    under_tls = True
                case "AUTH":
                    trusted = rest == f"PLAIN {secret}"
                    writer.write(b"235 welcome\r\n" if trusted else b"535 not %s\r\n" % rest.encode())
                case "MAIL" if not trusted:
                    writer.write(b"530 who are you\r\n")
                case "DATA" if refuse:
                    writer.write(refuse + b"\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    office.mails.put_nowait((await reader.readuntil(b"\r\n.\r\n")).decode())
                    writer.write(b"250 taken\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                case _:
                    writer.write(b"250 ok\r\n")
            await writer.drain()
        writer.close()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # of a client that does not trust it, and says no more
            await serve(reader, writer)

    server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=context)
    office.port = server.sockets[0].getsockname()[1]
    yield office
    server.close()
