"""A model host on loopback that knows the record and nothing else, over TLS, as the gateway expects of one."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import CertStore
from wsproto.utilities import generate_accept_token

from weighlock.replay.rehearsal import Answer, Record
from weighlock.replay.sockets import retell

TICKET = "weighlock-replay"
"""The header field that says which answer is meant."""
_AUTHORITY = "mitmproxy"
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "trailer", "upgrade"})
_BROKEN = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError, ValueError)


def authority(confdir: Path) -> Path:
    """Whose certificates `RecordHost` shows: the gateway's own authority."""
    return confdir / f"{_AUTHORITY}-ca-cert.pem"


class RecordHost:
    """It answers to the names of the hosts in *record*."""

    def __init__(self, record: Record, confdir: Path) -> None:
        self._record = record
        self._tls = _context(sorted(record.hosts), confdir)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._serving: asyncio.Task[None] | None = None
        self.address: tuple[str, int] = self._socket.getsockname()

    def start(self) -> None:
        """In a running event loop."""
        self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        if self._serving:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connection, sock=self._socket, ssl=self._tls, limit=1 << 20)
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(_field(line) for line in head.split("\r\n")[1:-2])
                await reader.readexactly(int(fields.get("content-length", "0")))
                answer = self._record.redeem(fields.get(TICKET, ""))
                if answer is None:
                    return
                if answer.contents.said is not None:
                    await _switch(reader, writer, answer, fields.get("sec-websocket-key", ""))
                    return
                await _write(writer, answer, bodiless=head.startswith("HEAD "))
        except _BROKEN:
            pass
        finally:
            writer.close()


async def _switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer, key: str) -> None:
    """Shake hands as it was done, but for the key (RFC 6455 section 4.2.2), and tell the WebSocket again."""
    own = ("sec-websocket-accept", generate_accept_token(key.encode()).decode())
    fields = [*((name, value) for name, value in answer.response.headers if name.lower() != own[0]), own]
    lines = [answer.response.start, *(f"{name}: {value}" for name, value in fields), "", ""]
    writer.write("\r\n".join(lines).encode("latin-1", "replace"))
    await writer.drain()
    await retell(reader, writer, answer.contents.said or (), answer.began + answer.released / 1000)


async def _write(writer: asyncio.StreamWriter, answer: Answer, *, bodiless: bool) -> None:
    """At its own pace; a stream in its own pieces."""
    said, response = answer.contents, answer.response
    streams = len(said.pieces) > 1
    framing = ("transfer-encoding", "chunked") if streams else ("content-length", str(len(response.body)))
    fields = [*((name, value) for name, value in response.headers if name.lower() not in _FRAMING), framing]
    lines = [response.start, *(f"{name}: {value}" for name, value in fields), "", ""]
    before = answer.released
    head = "\r\n".join(lines).encode("latin-1", "replace")
    for number, (at, data) in enumerate(() if bodiless else said.pieces):
        await asyncio.sleep(max(0, at - before) / 1000)
        before = max(at, before)
        writer.write((b"" if number else head) + (b"%x\r\n%s\r\n" % (len(data), data) if streams else data))
        await writer.drain()
    if bodiless or not said.pieces:
        writer.write(head)
    elif streams:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _context(hosts: list[str], confdir: Path) -> ssl.SSLContext:
    made = CertStore.from_store(confdir, _AUTHORITY, 2048).get_cert(hosts[0], [_name(host) for host in hosts])
    secret = made.privatekey.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.NamedTemporaryFile() as file:  # ssl takes files alone; this key is good for a rehearsal and no more
        file.write(secret + made.cert.to_pem())
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
