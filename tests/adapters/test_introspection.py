from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jwts import AUDIENCE, NOW, an_issuer
from weighlock.adapters import introspection
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.introspection import INACTIVE_TTL, MAX_ANSWERS, MAX_ASKING, TTL, Introspection
from weighlock.errors import Refused
from weighlock.identity.issuers import Endpoint, Issuer
from weighlock.wire import jsontext

TOKEN = "tok_" + "a" * 40
ISSUER = an_issuer(jwks="", introspection=Endpoint("https://issuer.example/introspect", "gateway", "env:S", "tok_.*"))


def an_answer(**given: Any) -> Any:
    good = {"active": True, "token_type": "Bearer", "aud": AUDIENCE, "client_id": "nightly"}
    times = {"exp": int(NOW) + 300, "iat": int(NOW) - 10}
    return jsontext.parse(json.dumps(good | times | given).encode()).value


class Asked:
    """An issuer, and what the gateway remembers of its answers. *now* is the seconds since NOW, on both clocks."""

    def __init__(self, answer: Any = None) -> None:
        self.now, self.answer, self.tokens = 0.0, answer or an_answer(), list[str]()
        self.gate: asyncio.Event | None = None
        self.introspection = Introspection(lambda: NOW + self.now, lambda: self.now, self.ask)

    async def ask(self, issuer: Issuer, token: str) -> Any:
        self.tokens.append(token)
        if self.gate:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def code(self, token: str = TOKEN, issuer: Issuer = ISSUER, audience: str = AUDIENCE) -> str:
        try:
            await self.introspection.claims(issuer, token, audience)
        except Refused as refused:
            return refused.code
        return "good"


async def test_an_answer_is_believed_for_half_a_minute() -> None:
    asked = Asked()
    claims = await asked.introspection.claims(ISSUER, TOKEN, AUDIENCE)
    assert (claims["sub"], claims["iss"]) == ("nightly", ISSUER.url)
    asked.answer, asked.now = an_answer(active=False), TTL - 0.1
    assert await asked.code() == "good"

    asked.now = TTL
    assert await asked.code() == "token-inactive"
    assert asked.tokens == [TOKEN, TOKEN]


async def test_an_answer_is_not_believed_beyond_the_token_s_own_end() -> None:
    asked = Asked(an_answer(exp=int(NOW) + 4))
    assert await asked.code() == "good"
    asked.now, asked.answer = 4.0, an_answer(active=False)

    assert await asked.code() == "token-inactive"
    assert len(asked.tokens) == 2


async def test_a_token_that_is_not_active_is_asked_about_again_soon() -> None:
    asked = Asked(an_answer(active=False))
    assert [await asked.code(), await asked.code()] == ["token-inactive"] * 2
    assert len(asked.tokens) == 1
    asked.answer, asked.now = an_answer(), INACTIVE_TTL

    assert await asked.code() == "good"


async def test_an_answer_is_for_its_own_token_issuer_endpoint_and_audience() -> None:
    asked = Asked()
    assert await asked.code() == "good"
    other_endpoint = an_issuer(jwks="", introspection=Endpoint("https://x", "gateway", "env:S", "tok_.*"))
    for given in (
        {"token": TOKEN + "b"},
        {"issuer": an_issuer(url="https://other.example", jwks="", introspection=ISSUER.introspection)},
        {"issuer": other_endpoint},
    ):
        assert await asked.code(**given) == "good"
    assert len(asked.tokens) == 4

    assert await asked.code(audience="weighlock-approvals") == "audience-wrong"
    assert len(asked.tokens) == 4


async def test_fifty_who_come_at_once_wait_for_one_answer_though_the_first_gives_up() -> None:
    asked = Asked()
    asked.gate = asyncio.Event()
    waiting = [asyncio.create_task(asked.code()) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    waiting[0].cancel()
    asked.gate.set()

    told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10)
    assert told[1:] == ["good"] * 49
    assert isinstance(told[0], asyncio.CancelledError)
    assert len(asked.tokens) == 1


async def test_a_flood_of_made_up_tokens_is_no_flood_of_requests() -> None:
    asked = Asked()
    asked.gate = asyncio.Event()
    waiting = [asyncio.create_task(asked.code(f"{TOKEN}{n}")) for n in range(MAX_ASKING)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert await asked.code() == "issuer-unreachable"
    asked.gate.set()

    assert await asyncio.wait_for(asyncio.gather(*waiting), 10) == ["good"] * MAX_ASKING
    assert await asked.code() == "good"


async def test_what_is_kept_is_bounded() -> None:
    asked = Asked()
    for n in range(MAX_ANSWERS + 1):
        await asked.code(f"{TOKEN}{n}")
    asked.tokens.clear()

    assert [await asked.code(f"{TOKEN}{n}") for n in (MAX_ANSWERS, 1, 0)] == ["good"] * 3
    assert asked.tokens == [f"{TOKEN}0"]


NO_ANSWER: dict[str, Any] = {
    "nobody there": Unreachable("HTTP 401"),
    "a defect": ZeroDivisionError(TOKEN),
    "no object": ["active"],
    "nothing about it": {"error": "invalid_client"},
    "active as text": {"active": "true"},
    "active as number": jsontext.parse(b'{"active": 1}').value,
}


@pytest.mark.parametrize("name", NO_ANSWER)
async def test_an_issuer_that_does_not_say_makes_the_token_unusable_until_it_does(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked(NO_ANSWER[name])
    with caplog.at_level(logging.DEBUG):
        assert await asked.code() == "issuer-unreachable"
    assert "does not say what a token is" in caplog.text
    assert TOKEN not in caplog.text
    asked.answer = an_answer()

    assert await asked.code() == "good"


async def test_an_answer_without_a_time_is_refused_and_not_kept() -> None:
    asked = Asked(an_answer(exp=None))
    assert [await asked.code(), await asked.code()] == ["exp-malformed"] * 2
    assert len(asked.tokens) == 2


def test_nothing_that_is_kept_shows_a_token_or_an_answer() -> None:
    asked = Asked()
    asyncio.run(asked.code())
    assert "nightly" not in repr(asked.introspection._answers)
    assert TOKEN not in repr(asked.introspection._answers)


# -- the request itself ------------------------------------------------------------------------------------------------


class Introspect(RequestHandler):
    def post(self) -> None:
        asked: list[Any] = self.application.settings["asked"]
        asked.append((dict(self.request.headers), self.request.body))
        self.write(b'{"active": true, "client_id": "nightly"}')


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, list[Any]]]:
    asked: list[Any] = []
    socket, port = bind_unused_port()
    server = HTTPServer(Application([("/introspect", Introspect)], asked=asked, log_function=lambda _: None))
    server.add_socket(socket)
    yield f"http://127.0.0.1:{port}/introspect", asked
    server.stop()
    await server.close_all_connections()


def asking(url: str, secret: str, client: str = "gate way") -> Issuer:
    return an_issuer(jwks="", introspection=Endpoint(url, client, secret, "tok_.*"))


@pytest.mark.parametrize("source", ["env", "file"])
async def test_the_gateway_asks_as_its_own_client(
    served: tuple[str, list[Any]], source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = served
    secret = "s3cret:&+/%"
    monkeypatch.setenv("THE_SECRET", secret)
    (tmp_path / "secret").write_text(f"{secret}\n", "utf-8")
    issuer = asking(url, "env:THE_SECRET" if source == "env" else f"file:{tmp_path}/secret")

    assert await introspection.ask_issuer(issuer, "tok_+/=&") == {"active": True, "client_id": "nightly"}
    ((headers, body),) = asked
    scheme, _, credentials = headers["Authorization"].partition(" ")
    client, _, sent = base64.b64decode(credentials).decode("ascii").partition(":")
    assert (scheme, unquote_plus(client), unquote_plus(sent)) == ("Basic", "gate way", secret)
    assert parse_qs(body.decode()) == {"token": ["tok_+/=&"], "token_type_hint": ["access_token"]}
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept"] == "application/json"


@pytest.mark.parametrize("source", ["env:NO_SUCH_SECRET", "env:BLANK_SECRET", "file:/nowhere/secret"])
async def test_without_its_secret_it_asks_nothing(
    served: tuple[str, list[Any]], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = served
    monkeypatch.setenv("BLANK_SECRET", " ")

    with pytest.raises(Unreachable, match=r"the gateway.s own secret"):
        await introspection.ask_issuer(asking(url, source), TOKEN)
    assert asked == []


async def test_an_issuer_without_an_endpoint_is_asked_nothing() -> None:
    with pytest.raises(Unreachable, match="no endpoint"):
        await introspection.ask_issuer(an_issuer(), TOKEN)
