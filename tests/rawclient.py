"""A client that sends and keeps bytes as they are: TCP to the gateway, CONNECT, TLS, and nothing that tidies up."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from demo.gateway import Gateway

TIMEOUT = 10
"""Seconds without a byte after which the gateway hangs, and a test fails with TimeoutError."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one `read` got. *complete*: HTTP's framing says that this is the whole message."""

    raw: bytes
    complete: bool = False

    @property
    def status(self) -> int:
        """0 where no HTTP came."""
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/1.") else 0

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """A connection to the gateway. A context manager: it closes the socket."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.received = bytearray()
        """Every byte that came, decrypted; in a tunnel, every byte that came through it."""
        self._socket: socket.socket = socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT)

    def connect(self, authority: str = "", token: str | None = None) -> Reply:
        """CONNECT; without *authority* to the listed destination. Empty *token* is none."""
        authority = authority or f"localhost:{self.gateway.host.port}"
        token = self.gateway.token() if token is None else token
        basic = base64.b64encode(f"oidc:{token}".encode()).decode()
        credential = f"Proxy-Authorization: Basic {basic}\r\n" if token else ""
        self.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credential}\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            if not (byte := self._receive(1)):
                break
            answer += byte
        refused = answer and not answer.startswith(b"HTTP/1.1 200")
        return Reply(answer + self.read(start=answer).raw[len(answer) :] if refused else answer)

    def tls(self, sni: str | None = "localhost", alpn: tuple[str, ...] = ("http/1.1",)) -> Self:
        trust = ssl.create_default_context(cafile=str(self.gateway.ca))
        trust.check_hostname = False
        trust.set_alpn_protocols(list(alpn))
        self._socket = trust.wrap_socket(self._socket, server_hostname=sni)
        self.received.clear()
        return self

    def tunnel(self, **given: Any) -> Self:
        """CONNECT and TLS, both to the listed destination."""
        assert self.connect(**given).status == 200
        return self.tls()

    def send(self, data: bytes) -> None:
        """A gateway that hangs up while it is told more has said what it has to say."""
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._socket.sendall(data)

    def finish(self) -> None:
        """Nothing more comes from this side."""
        socket.socket.shutdown(self._socket, socket.SHUT_WR)  # that of TLS would end the reading side too

    def read(self, start: bytes = b"") -> Reply:
        """One HTTP message, or all until the connection ends."""
        data = bytearray(start)
        while not _whole(data):
            if not (more := self._receive(65536)):
                return Reply(bytes(data), complete=_whole(data))
            data += more
        return Reply(bytes(data), complete=True)

    def read_all(self) -> Reply:
        """All until the connection ends."""
        data = bytearray()
        while more := self._receive(65536):
            data += more
        return Reply(bytes(data), complete=_whole(data))

    def _receive(self, size: int) -> bytes:
        try:
            data = self._socket.recv(size)
        except (ConnectionError, ssl.SSLEOFError):
            return b""
        self.received += data
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()


def request(
    gateway: Gateway,
    body: bytes = b'{"model":"demo","messages":[{"role":"user","content":"hello"}]}',
    *,
    start: str = "POST /v1/chat/completions HTTP/1.1",
    host: str = "",
    extra: bytes = b"",
    length: bool = True,
) -> bytes:
    """A good request, but for what is given. *extra* is header lines, each with its CR LF. It asks for a close."""
    lines = [start, f"Host: {host or f'localhost:{gateway.host.port}'}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "Connection: close", ""]).encode() + extra + b"\r\n" + body


def chunked(*parts: bytes, trailers: bytes = b"") -> bytes:
    """*parts* as the chunks of a body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


def dechunked(body: bytes) -> bytes:
    """As much as is there of a chunked body, without its framing."""
    out = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        out += body[: int(size or b"0", 16)]
        body = body[int(size or b"0", 16) + 2 :]
    return bytes(out)


def _whole(data: bytes | bytearray) -> bool:
    head, end, body = bytes(data).partition(b"\r\n\r\n")
    if not end:
        return False
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return body == b"0\r\n\r\n" or body.endswith(b"\r\n0\r\n\r\n")
    return b"content-length" in fields and len(body) >= int(fields[b"content-length"])
