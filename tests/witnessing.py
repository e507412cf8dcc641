"""A witness, and an authority that stamps times: what the tests of anchors give checkpoints to."""

from __future__ import annotations

import asyncio
import datetime
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tornado.httpserver import HTTPServer

from weighlock.adapters import witness as service
from weighlock.adapters.witness import Seen
from weighlock.ledger.checkpoint import Verifier
from weighlock.ledger.cosign import Witness

OWN = Witness("witness.example", b"w" * 32)
_TSA = """\
[tsa]
default_tsa = t
[t]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def running(state: Path, logs: Sequence[Verifier], port: int = 0) -> Iterator[str]:
    """The address of a witness."""
    port = port or free_port()
    loop = asyncio.new_event_loop()
    kept = Seen(state, logs)

    async def start() -> HTTPServer:
        return service.serve(("127.0.0.1", port), OWN, kept)

    async def stop(server: HTTPServer) -> None:
        server.stop()
        await server.close_all_connections()

    thread = Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        kept.close()
        loop.close()


class Authority:
    """RFC 3161 over HTTP: OpenSSL answers. `roots` is the file of the certificate that vouches for it."""

    def __init__(self, folder: Path, *, good_for: datetime.timedelta = datetime.timedelta(days=1)) -> None:
        folder.mkdir()
        self.folder, self.roots = folder, folder / "roots.pem"
        self.spoilt = b""
        """What it answers instead of a time-stamp."""
        self.first: bytes = b""
        """Its first answer."""
        self.again = False
        """Whether it gives that again and again."""
        key, root = _certificate("roots", None, good_for)
        own, leaf = _certificate("tsa", (key, root), good_for)
        for name, data in {
            "roots.pem": root.public_bytes(serialization.Encoding.PEM),
            "tsa.pem": leaf.public_bytes(serialization.Encoding.PEM),
            "tsa.key": own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            "serial": b"01\n",
            "tsa.cnf": _TSA.format(folder=folder).encode(),
        }.items():
            (folder / name).write_bytes(data)
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = authority.answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsr"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, asked: bytes) -> bytes:
        if self.spoilt:
            return self.spoilt
        if self.again:
            return self.first
        query = self.folder / "query"
        query.write_bytes(asked)
        words = ["openssl", "ts", "-reply", "-queryfile", str(query), "-config", str(self.folder / "tsa.cnf")]
        answer = subprocess.run(words, check=True, capture_output=True).stdout
        self.first = self.first or answer
        return answer

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _certificate(
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None, good_for: datetime.timedelta
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + good_for)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(issuer is not None, False, False, False, False, issuer is None, issuer is None, False, False),
            critical=True,
        )
    )
    if issuer:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return key, made.sign(issuer[0] if issuer else key, hashes.SHA256())
