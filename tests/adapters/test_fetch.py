"""What is fetched from issuers, over real connections."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jwts import an_issuer, key_pair
from weighlock.adapters import fetch
from weighlock.adapters.fetch import MAX_BYTES, Unreachable
from weighlock.adapters.jwks import Jwks, load_source
from weighlock.errors import Unavailable
from weighlock.identity.issuers import Issuer

KEYS = {"keys": [key_pair("EdDSA", "one").jwk()]}
METADATA = "/.well-known/openid-configuration"


class Site:
    """A server of fixed answers: by path, a document or a function that writes something else."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"/keys": KEYS}
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


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for made in serving():
        yield made


def an_authority(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate of 127.0.0.1: as a file to trust, and as a server uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(1))
        .not_valid_after(today + datetime.timedelta(1))
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


def a_discovered(site: Site, path: str = "", **given: Any) -> Issuer:
    return an_issuer(**{"url": site.url + path, "jwks": "discover"} | given)


# -- one exchange ------------------------------------------------------------------------------------------------------


async def test_a_url_is_fetched_past_every_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert await fetch.json(f"{site.url}/keys") == KEYS


def write(status: int, body: bytes = b"{}", **headers: str) -> Any:
    def answer(handler: RequestHandler) -> None:
        handler.set_status(status)
        for name, value in headers.items():
            handler.set_header(name, value)
        handler.write(body)

    return answer


def pieces(handler: RequestHandler) -> None:
    """Of a length that nobody was told."""
    handler.write(b'"')
    handler.flush()
    handler.write(b"x" * MAX_BYTES + b'"')


BAD: dict[str, tuple[Any, str | None]] = {
    "a redirect": (write(302, location="/keys"), "HTTP 302"),
    "a permanent one": (write(308, location="/keys"), "HTTP 308"),
    "an error": (write(503), "HTTP 503"),
    "something else that is good": (write(201), "HTTP 201"),
    "too much": (write(200, b'"' + b"x" * MAX_BYTES + b'"'), None),
    "too much in pieces": (pieces, None),
    "too large a header": (write(200, x="y" * MAX_BYTES), None),
    "no JSON": (write(200, b"<html>"), "json-malformed"),
    "a member twice": (write(200, b'{"keys": [], "keys": []}'), "json-duplicate-member"),
    "nested too deeply": (write(200, b"[" * 90000 + b"]" * 90000), "json-depth"),
    "not UTF-8": (write(200, b'"\xff"'), "charset"),
    "compressed": (write(200, b"\x1f\x8b\x08", **{"content-encoding": "gzip"}), "charset"),
}


@pytest.mark.parametrize("name", BAD)
async def test_anything_but_200_with_json_is_no_answer(site: Site, name: str) -> None:
    site.answers["/bad"], why = BAD[name]

    with pytest.raises(Unreachable, match=why):
        await fetch.json(f"{site.url}/bad")
    assert site.asked == ["/bad"]


async def test_where_nobody_listens_there_is_no_answer() -> None:
    socket, port = bind_unused_port()
    socket.close()

    with pytest.raises(Unreachable, match=r"ConnectionRefused|StreamClosed"):
        await fetch.json(f"http://127.0.0.1:{port}/")


async def test_private_authorities_take_the_place_of_the_system_s(tmp_path: Path) -> None:
    file, context = an_authority(tmp_path, "one")
    other, _ = an_authority(tmp_path, "two")
    async for site in serving(context):
        assert await fetch.json(f"{site.url}/keys", ca=str(file)) == KEYS
        for ca in ("", str(other), str(tmp_path / "none.pem")):
            with pytest.raises(Unreachable):
                await fetch.json(f"{site.url}/keys", ca=ca)
        file.write_bytes(other.read_bytes())  # the file counts as it is now
        with pytest.raises(Unreachable):
            await fetch.json(f"{site.url}/keys", ca=str(file))
        assert site.asked == ["/keys"]


async def test_a_certificate_is_of_the_host_that_was_asked(tmp_path: Path) -> None:
    file, context = an_authority(tmp_path, "one")
    async for site in serving(context):
        with pytest.raises(Unreachable):
            await fetch.json(site.url.replace("127.0.0.1", "localhost") + "/keys", ca=str(file))


# -- files -------------------------------------------------------------------------------------------------------------


async def test_a_file_is_read_beside_the_rules(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(KEYS))

    assert await load_source(an_issuer(jwks="file:keys.json"), tmp_path) == KEYS
    assert await load_source(an_issuer(jwks=f"file:{tmp_path}/keys.json"), Path("/elsewhere")) == KEYS
    with pytest.raises(OSError, match=r"none\.json"):
        await load_source(an_issuer(jwks="file:none.json"), tmp_path)


async def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(Unreachable, match="too large"):
        await load_source(an_issuer(jwks="file:keys.json"), tmp_path)


# -- discovery ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/realms/ci", "/realms/ci/"])
async def test_metadata_says_where_the_keys_are(site: Site, path: str) -> None:
    issuer = a_discovered(site, path)
    site.answers[path.rstrip("/") + METADATA] = {"issuer": issuer.url, "jwks_uri": f"{site.url}/keys"}

    assert await load_source(issuer, Path()) == KEYS
    key = await Jwks(Path(), lambda: 0.0).key(issuer, "one", "EdDSA")
    assert key.verify(b"data", key_pair("EdDSA", "one").sign(b"data"))


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "{url}/"},
        {"issuer": "{url}", "jwks_uri": "{url}x"},
        {"issuer": "https://other.example", "jwks_uri": "{url}/keys"},
        {"issuer": ["{url}"], "jwks_uri": "{url}/keys"},
        {"jwks_uri": "{url}/keys"},
        {"issuer": "{url}"},
        {"issuer": "{url}", "jwks_uri": None},
        {"issuer": "{url}", "jwks_uri": "/keys"},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": "http://192.0.2.1/keys"},
        {"issuer": "{url}", "jwks_uri": "https://[::1"},
        ["{url}"],
        "{url}",
        None,
    ],
)
async def test_metadata_that_is_not_the_issuer_s_own_or_not_safe_is_not_followed(site: Site, said: Any) -> None:
    site.answers[METADATA] = write(200, json.dumps(said).replace("{url}", site.url).encode())

    with pytest.raises(Unreachable):
        await load_source(a_discovered(site), Path())
    assert "/keys" not in site.asked
    with pytest.raises(Unavailable, match="issuer-unreachable"):
        await Jwks(Path(), lambda: 0.0).key(a_discovered(site), "one", "EdDSA")


async def test_an_issuer_on_https_has_no_keys_on_http(tmp_path: Path) -> None:
    file, context = an_authority(tmp_path, "one")
    async for plain in serving():
        async for site in serving(context):
            issuer = a_discovered(site, ca=str(file))
            for keys, good in ((f"{plain.url}/keys", False), (f"{site.url}/keys", True)):
                site.answers[METADATA] = {"issuer": issuer.url, "jwks_uri": keys}
                if good:
                    assert await load_source(issuer, Path()) == KEYS
                else:
                    with pytest.raises(Unreachable):
                        await load_source(issuer, Path())
            assert plain.asked == []
