from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jwts import an_issuer, key_pair
from weighlock.adapters import jwks
from weighlock.adapters.jwks import COOL_DOWN, MAX_BYTES, STALE, TTL, Jwks, load_source
from weighlock.errors import Unavailable, Unidentified

ISSUER = an_issuer(jwks="https://issuer.example/keys")
ONE, TWO = key_pair("EdDSA", "one"), key_pair("EdDSA", "two")


class Provider:
    """An issuer's key server, a clock, and a cache of its keys."""

    def __init__(self, *kids: Any) -> None:
        self.now, self.loads = 0.0, list[str]()
        self.answer: Any = {"keys": [pair.jwk() for pair in kids]}
        self.gate: threading.Event | None = None
        self.cache = Jwks(Path("/rules"), lambda: self.now, self.load)

    def load(self, source: str, rules: Path) -> Any:
        assert rules == Path("/rules")
        self.loads.append(source)
        if self.gate:
            assert self.gate.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def code(self, kid: str = "one", alg: str = "EdDSA") -> str:
        try:
            await self.cache.key(ISSUER, kid, alg)
        except (Unavailable, Unidentified) as refused:
            return refused.code
        return "found"


async def test_keys_are_fetched_once_and_kept() -> None:
    provider = Provider(ONE, TWO)

    assert [await provider.code("one"), await provider.code("two"), await provider.code("one")] == ["found"] * 3
    assert provider.loads == [ISSUER.jwks]
    key = await provider.cache.key(ISSUER, "one", "EdDSA")
    assert key.verify(b"data", ONE.sign(b"data"))


async def test_fifty_who_come_at_once_wait_for_one_fetch() -> None:
    provider = Provider(ONE)
    provider.gate = threading.Event()
    asked = [asyncio.create_task(provider.code()) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asked)
    provider.gate.set()

    assert await asyncio.wait_for(asyncio.gather(*asked), 10) == ["found"] * 50
    assert len(provider.loads) == 1


async def test_who_gives_up_waiting_does_not_end_the_fetch_for_others() -> None:
    provider = Provider(ONE)
    provider.gate = threading.Event()
    first, second = asyncio.create_task(provider.code()), asyncio.create_task(provider.code())
    for _ in range(20):
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    provider.gate.set()

    assert await asyncio.wait_for(second, 10) == "found"
    assert len(provider.loads) == 1


async def test_a_key_that_is_not_there_is_looked_for_once_a_cool_down() -> None:
    provider = Provider(ONE)
    assert await provider.code("other") == "key-unknown"
    assert [await provider.code("other") for _ in range(20)] == ["key-unknown"] * 20
    assert len(provider.loads) == 1
    provider.now = COOL_DOWN

    assert await provider.code("other") == "key-unknown"
    assert len(provider.loads) == 2
    assert await provider.code("one") == "found"


async def test_a_new_key_is_found_after_a_rotation_and_the_old_one_is_gone() -> None:
    provider = Provider(ONE)
    assert await provider.code("one") == "found"
    provider.answer = {"keys": [TWO.jwk()]}
    provider.now = COOL_DOWN

    assert await provider.code("two") == "found"
    assert await provider.code("one") == "key-unknown"


async def test_keys_are_fetched_again_when_they_are_old() -> None:
    provider = Provider(ONE)
    for now in (0.0, TTL, TTL + 1):
        provider.now = now
        assert await provider.code() == "found"

    assert len(provider.loads) == 2


FAILURES: dict[str, Any] = {
    "no network": OSError("down"),
    "a time-out": TimeoutError(),
    "no JSON": ValueError(),
    "nested too deeply": RecursionError(),
    "cut short": http.client.IncompleteRead(b""),
    "not HTTP": http.client.BadStatusLine("x"),
    "no JWKS": {"error": "down"},
    "null": None,
    "no key": {"keys": []},
    "no usable key": {"keys": [key_pair().jwk(use="enc")]},
    "a key of a wrong shape": {"keys": [TWO.jwk(key_ops=5)]},
    "two keys for one kid": {"keys": [ONE.jwk(), key_pair("EdDSA", "three").jwk(kid="one")]},
}


@pytest.mark.parametrize("name", FAILURES)
async def test_good_keys_outlive_a_failing_provider_for_a_day(name: str) -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.answer = FAILURES[name]

    provider.now = TTL + 1
    assert await provider.code() == "found"
    provider.now = STALE
    assert await provider.code() == "found"
    provider.now = STALE + 1
    assert await provider.code() == "issuer-unreachable"
    assert len(provider.loads) >= 3


@pytest.mark.parametrize("name", FAILURES)
async def test_a_provider_that_never_answered_makes_the_gateway_unavailable_until_it_does(name: str) -> None:
    provider = Provider()
    provider.answer = FAILURES[name]
    assert [await provider.code(), await provider.code()] == ["issuer-unreachable"] * 2
    assert len(provider.loads) == 1

    provider.answer, provider.now = {"keys": [ONE.jwk()]}, COOL_DOWN
    assert await provider.code() == "found"


async def test_a_key_serves_its_own_algorithm_and_issuer_only() -> None:
    provider = Provider(ONE)

    assert await provider.code("one", "RS256") == "key-unknown"
    provider.answer = {"keys": [TWO.jwk()]}
    with pytest.raises(Unidentified):
        await provider.cache.key(an_issuer(url="https://other.example", jwks=ISSUER.jwks), "one", "EdDSA")
    assert await provider.code() == "found"


# -- sources -----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_beside_the_rules(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": []}))

    assert load_source("file:keys.json", tmp_path) == {"keys": []}
    with pytest.raises(OSError, match=r"none\.json"):
        load_source("file:none.json", tmp_path)


def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="too large"):
        load_source("file:keys.json", tmp_path)


class Keys(RequestHandler):
    def get(self, what: str) -> None:
        if what == "away":
            self.redirect("/good")
        elif what == "large":
            self.write(b" " * (MAX_BYTES + 1))
        elif what == "good":
            self.write({"keys": []})
        else:
            self.send_error(503)

    def log_exception(self, *_: Any) -> None: ...


@pytest.fixture
async def server() -> AsyncIterator[str]:
    socket, port = bind_unused_port()
    server = HTTPServer(Application([(r"/(.*)", Keys)], log_function=lambda _: None))
    server.add_socket(socket)
    yield f"http://127.0.0.1:{port}"
    server.stop()
    await server.close_all_connections()


async def test_a_url_is_fetched_past_every_proxy(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert await asyncio.to_thread(load_source, f"{server}/good", tmp_path) == {"keys": []}


@pytest.mark.parametrize("path", ["away", "large", "error"])
async def test_a_redirect_an_error_and_too_much_are_failures(server: str, path: str, tmp_path: Path) -> None:
    with pytest.raises((OSError, ValueError)) as caught:
        await asyncio.to_thread(load_source, f"{server}/{path}", tmp_path)
    if isinstance(caught.value, jwks.urllib.error.HTTPError):
        caught.value.close()
