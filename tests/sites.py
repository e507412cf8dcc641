"""Servers on loopback that answer what a test says, with and without TLS."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler


class Site:
    """A server of fixed answers: by path, a document or a function that writes something else."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.url = ""


class Answer(RequestHandler):
    async def get(self) -> None:
        site: Site = self.application.settings["site"]
        site.asked.append(self.request.uri or "")
        answer = site.answers.get(self.request.path)
        if callable(answer):
            answer(self)
        elif answer is None:
            self.send_error(404)
        else:
            self.write(json.dumps(answer))

    post = get

    def log_exception(self, *_: Any) -> None: ...


async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    site = Site()
    socket, port = bind_unused_port()
    server = HTTPServer(
        Application([(r".*", Answer)], site=site, log_function=lambda _: None),
        ssl_options=context,
        max_header_size=1 << 20,
    )
    server.add_socket(socket)
    site.url = f"http{'s' if context else ''}://127.0.0.1:{port}"
    yield site
    server.stop()
    await server.close_all_connections()


def an_authority(folder: Path, name: str, days: int = 1) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate of 127.0.0.1, good for so many days: as a file to trust, and as a server uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(9))
        .not_valid_after(today + datetime.timedelta(days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


def write(status: int, body: bytes = b"{}", **headers: str) -> Any:
    def answer(handler: RequestHandler) -> None:
        handler.set_status(status)
        for name, value in headers.items():
            handler.set_header(name, value)
        handler.write(body)

    return answer
