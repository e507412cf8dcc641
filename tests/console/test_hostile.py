"""What somebody tries who means harm, and has read how browsers and OpenID Connect are attacked."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from browsing import Place
from weighlock.console.app import Console
from weighlock.console.page import HEADERS
from weighlock.console.sessions import BrowserSessions
from weighlock.identity.cutoffs import Cutoff, Cutoffs

Proved = Callable[..., Coroutine[Any, Any, str]]


def set_cookies(answer: httpx.Response) -> SimpleCookie:
    found = SimpleCookie()
    for said in answer.headers.get_list("set-cookie"):
        found.load(said)
    return found


async def raw(place: Place, head: str) -> bytes:
    """What is answered to *head*, as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_session_that_was_fixed_before_the_login_is_not_the_one_after_it(
    place: Place, stranger: httpx.AsyncClient, proved: Proved, token: str
) -> None:
    attackers = await place.admit(token)
    for fixed in ("chosen-by-somebody-else", attackers):
        stranger.cookies.set("weighlock", fixed, domain="127.0.0.1", path="/")
        answer = await stranger.get(await proved(stranger, "lee"))
        given = set_cookies(answer)["weighlock"].value

        assert given not in ("", fixed)
        assert place.sessions.find(fixed) is None  # and what was open in this browser has ended
        session = place.sessions.find(given)
        assert session is not None
        assert session.verified.claims["sub"] == "lee"


async def test_each_login_is_another_session_and_ends_the_one_before(
    place: Place, stranger: httpx.AsyncClient, proved: Proved
) -> None:
    first = set_cookies(await stranger.get(await proved(stranger, "alice")))["weighlock"].value
    second = set_cookies(await stranger.get(await proved(stranger, "alice")))["weighlock"].value

    assert first != second
    assert (place.sessions.find(first), len(place.sessions._open)) == (None, 1)


async def test_somebody_elses_login_is_not_finished_in_this_browser(
    place: Place, stranger: httpx.AsyncClient, proved: Proved
) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as attacker:
        callback = await proved(attacker, "eve")
    await stranger.get("/login", params={"issuer": place.issuer})
    answer = await stranger.get(callback)

    assert answer.status_code == 403
    assert "weighlock" not in set_cookies(answer)
    assert place.sessions._open == {}


async def test_a_callback_is_answered_once(place: Place, stranger: httpx.AsyncClient, proved: Proved) -> None:
    callback = await proved(stranger, "alice")
    assert (await stranger.get(callback)).status_code == 200
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as attacker:
        answer = await attacker.get(callback)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert [one.event for one in place.visitors] == ["login", "login-refused"]


@pytest.mark.parametrize("url", ["http", "https"])
async def test_cookies_are_for_this_host_alone_and_for_no_script(
    place: Place, stranger: httpx.AsyncClient, token: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, headers = "weighlock", {}
    if url == "https":
        await place.console.stop()
        site = dataclasses.replace(place.site, url="https://weighlock.example")
        place.console = Console(("127.0.0.1", place.port), place.desk, place.visits.by_token, site=site)
        place.console.start()
        name, headers = "__Host-weighlock", {"host": "weighlock.example"}
    verified = await place.identifier.person(token, place.rules)

    async def finished(*_: Any) -> Any:
        return verified, "/"

    monkeypatch.setattr(place.site.logins, "finish", finished)
    begun = await stranger.get("/login", params={"issuer": place.issuer}, headers=headers)
    done = await stranger.get("/login/callback", headers=headers)
    (login,) = set_cookies(begun).items()
    session = set_cookies(done)[name]

    assert login[0] == f"{name}-login"
    for cookie, same_site in ((login[1], "Lax"), (session, "Strict")):
        assert (cookie["httponly"], cookie["path"], cookie["domain"]) == (True, "/", "")
        assert (cookie["samesite"], bool(cookie["secure"])) == (same_site, url == "https")
    if url == "https":  # a name that any site beside it could set is not looked at
        plain = await stranger.get("/", headers=headers | {"cookie": f"weighlock={session.value}"})
        own = await stranger.get("/", headers=headers | {"cookie": f"{name}={session.value}"})
        assert (plain.status_code, own.status_code) == (401, 200)


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: evil.example",
        "GET / HTTP/1.1\nHost: {host}\nHost: evil.example",
        "GET / HTTP/1.1\nHost: {host}, evil.example",
        "GET / HTTP/1.1\nHost: {host}@evil.example",
        "GET / HTTP/1.1\nHost: evil.example\nX-Forwarded-Host: {host}\nForwarded: host={host}",
        "GET http://{host}/ HTTP/1.1\nHost: evil.example",
        "GET / HTTP/1.1\nHost:",
        "GET / HTTP/1.0",
    ],
)
async def test_it_answers_under_its_own_name_alone(place: Place, head: str) -> None:
    answer = await raw(place, head.format(host=f"127.0.0.1:{place.port}"))

    assert answer.split(b" ", 2)[1] in (b"400", b"403")
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "path", ["//evil.example/", "@evil.example/", "/\\evil.example", "http://evil.example/", "/%0d%0aX: y"]
)
async def test_no_answer_leads_elsewhere(place: Place, path: str) -> None:
    """Also under its other name, from where it leads to the one that cookies are of."""
    answer = await raw(place, f"GET {path} HTTP/1.1\nHost: localhost:{place.port}")

    assert answer.split(b" ", 2)[1] in (b"400", b"401", b"403", b"404")
    assert b"ocation:" not in answer
    assert b"X: y" not in answer


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "/approvals/ab\nx",
        "/approvals/ab?x=//evil",
        "/approvals/../login",
        "/settled/",
        "javascript:1",
        "\t/",
    ],
)
async def test_after_a_login_nobody_is_led_away(
    place: Place, stranger: httpx.AsyncClient, proved: Proved, back: str
) -> None:
    answer = await stranger.get(await proved(stranger, "alice", back=back))

    assert answer.status_code == 200
    assert 'content="0;url=/"' in answer.text


async def test_nothing_of_a_page_is_kept_by_a_cache(place: Place, alice: httpx.AsyncClient) -> None:
    id = await place.hold("A secret plan.")
    asked = [
        await alice.get(f"/approvals/{id}"),
        await alice.get("/approvals/ffff"),
        await alice.get("/grants"),
        await alice.get("/login", params={"issuer": place.issuer}),
        await alice.get("/login/callback?state=x"),
        await alice.get("/api/approvals"),
        await alice.get("/api/nothing"),
        await alice.post(f"/approvals/{id}/decision"),
        await alice.post("/logout", data={"form": place.form()}, headers=place.headers()),
        await alice.get("/"),
    ]
    for answer in asked:
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert "etag" not in answer.headers, answer.url


async def test_the_api_answers_nothing_that_a_browser_could_take_for_a_page(
    place: Place, stranger: httpx.AsyncClient, token: str
) -> None:
    id = await place.hold(model="<script>alert(1)</script>")
    bearer = {"authorization": f"Bearer {token}", "accept": "text/html"}
    asked = [
        await stranger.get("/api/approvals", headers=bearer),
        await stranger.get(f"/api/approvals/{id}", headers=bearer),
        await stranger.get("/api/approvals/<script>", headers=bearer),
        await stranger.get("/api/approvals", headers={"authorization": "<script>"}),
        await stranger.get("/api/login", params={"issuer": "<script>"}),
        await stranger.post(f"/api/approvals/{id}/decision", headers=bearer, content="<script>"),
    ]
    for answer in asked:
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        for name in ("x-content-type-options", "content-security-policy", "x-frame-options"):
            assert answer.headers[name] == HEADERS[name]
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"cookie": ""}, 401),
        ({"cookie": "weighlock=guess"}, 401),
        ({"cookie": "", "authorization": "Bearer {token}"}, 401),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": "evil.example"}, 403),
    ],
    ids=str,
)
async def test_a_stream_is_for_who_is_logged_in_on_the_console_itself(
    place: Place, alice: httpx.AsyncClient, token: str, headers: dict[str, str], status: int
) -> None:
    answer = await alice.get("/live", headers={name: value.format(token=token) for name, value in headers.items()})

    assert answer.status_code == status
    assert "event-stream" not in answer.headers["content-type"]
    assert place.site.feed._streams == set()


async def ended(place: Place, alice: httpx.AsyncClient, act: Callable[[], Coroutine[Any, Any, object]]) -> list[str]:
    """What a stream says after *act*, until it ends."""
    async with alice.stream("GET", "/live") as stream, asyncio.timeout(10):
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 5000"
        await act()
        return [line async for line in lines if line.startswith("data")]


async def test_a_stream_ends_with_the_log_out(place: Place, alice: httpx.AsyncClient) -> None:
    async def log_out() -> None:
        await alice.post("/logout", data={"form": place.form()}, headers=place.headers())

    assert await ended(place, alice, log_out) == []
    assert place.site.feed._streams == set()


async def test_a_stream_says_nothing_more_to_who_is_cut_off(place: Place, alice: httpx.AsyncClient) -> None:
    async def cut() -> None:
        place.cut = Cutoffs([Cutoff(1, "sub", "alice", "left", "dana", 0.0)])
        await place.hold()

    assert await ended(place, alice, cut) == []


async def test_a_stream_ends_with_its_session(place: Place, alice: httpx.AsyncClient) -> None:
    async def pass_time() -> None:
        place.ahead = 3601.0
        await place.hold()

    assert len(await ended(place, alice, pass_time)) <= 1


async def test_a_session_is_not_told_from_what_is_kept_of_it(place: Place, token: str) -> None:
    """Whoever reads memory, or a log, finds no cookie: a digest of it is kept, and is worth nothing as one."""
    sessions = BrowserSessions(lambda: 0.0, 10.0)
    cookie = sessions.open(await place.identifier.person(token, place.rules))
    (kept,) = sessions._open.values()

    assert cookie not in repr(vars(sessions)) + kept.id + kept.forms
    assert sessions.find(kept.id) is None
    assert len(cookie) >= 43  # 256 bits


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "app.js%00", "APP.JS", "app.js/..", "openapi.json", "."])
async def test_only_what_is_meant_for_all_is_given_out(stranger: httpx.AsyncClient, name: str) -> None:
    assert (await stranger.get(f"/static/{name}")).status_code in (400, 401, 404)
