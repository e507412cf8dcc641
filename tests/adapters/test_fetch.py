"""What is fetched from issuers, over real connections."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.testing import bind_unused_port
from tornado.web import RequestHandler

from jwts import an_issuer, key_pair
from sites import Site, an_authority, serving, write
from weighlock.adapters import fetch
from weighlock.adapters.fetch import MAX_BYTES, Unreachable
from weighlock.adapters.jwks import load_source

KEYS = {"keys": [key_pair("EdDSA", "one").jwk()]}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for made in serving():
        made.answers["/keys"] = KEYS
        yield made


async def test_a_url_is_fetched_past_every_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert await fetch.json(f"{site.url}/keys") == KEYS


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
        site.answers["/keys"] = KEYS
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
