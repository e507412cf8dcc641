"""A demo model host: OpenAI-compatible, over TLS, and it keeps every byte that reaches it.

It answers with the last message, in small deltas where a stream is asked for. A message that contains `leak a card`
makes it answer with a card number, as a model does that was trained on what it should not have been.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
import threading
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LEAK = "Of course. The card on file is 4111 1111 1111 1111, and it expires next year."


class ModelHost:
    """Serves until `stop`. *folder* gets ca.pem; *gap* is seconds between two deltas."""

    def __init__(self, folder: Path, gap: float = 0.01) -> None:
        self.ca, leaf = certificates(folder)
        self.gap = gap
        self.received = bytearray()
        """Every byte that came in, decrypted."""
        self.requests = 0
        self.connections = 0
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(leaf)
        self._loop = asyncio.new_event_loop()
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[started], daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls))
        self.port: int = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.received += head
                body = await reader.readexactly(_length(head))
                self.received += body
                self.requests += 1
                await self.answer(head, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        """Write one response; tests override it."""
        if head.startswith(b"GET /v1/models "):
            _document(writer, {"object": "list", "data": [{"id": "demo", "object": "model", "owned_by": "demo"}]})
            return
        asked = json.loads(body)
        said = str(asked["messages"][-1]["content"])
        text = LEAK if "leak a card" in said else f"You said: {said}"
        if asked.get("stream"):
            await self.stream(writer, text)
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        _document(writer, {**_common("chat.completion"), "choices": [choice], "usage": usage})

    async def stream(self, writer: asyncio.StreamWriter, text: str, size: int = 5) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for start in range(0, len(text), size):
            write_chunk(writer, event({"content": text[start : start + size]}))
            await writer.drain()
            await asyncio.sleep(self.gap)
        write_chunk(writer, event({}, "stop") + b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({**_common('chat.completion.chunk'), 'choices': [choice]})}\n\n".encode()


def write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def _common(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-demo", "object": kind, "created": 1, "model": "demo"}


def _document(writer: asyncio.StreamWriter, value: Any) -> None:
    body = json.dumps(value).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def certificates(folder: Path) -> tuple[Path, Path]:
    """A new authority and a leaf for loopback: ca.pem, and leaf.pem with its key."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo authority")])
    now = datetime.datetime.now(datetime.UTC)

    def builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )

    constraints = x509.BasicConstraints(ca=True, path_length=None)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # signs, certificates and CRLs
    plain = builder(issuer, authority).add_extension(constraints, critical=True)
    root = plain.add_extension(usage, critical=True).sign(authority, hashes.SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    alternative = x509.SubjectAlternativeName(names)
    host = builder(subject, leaf).add_extension(alternative, critical=False).sign(authority, hashes.SHA256())
    secret = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.pem").write_bytes(host.public_bytes(serialization.Encoding.PEM) + secret)
    return folder / "ca.pem", folder / "leaf.pem"
