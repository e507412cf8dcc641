"""The pages without a browser: what they ask of a request before they show or do anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from browsing import Place
from held import some_terms
from weighlock.console.feed import SHARE
from weighlock.console.page import HEADERS
from weighlock.console.sessions import MOST, BrowserSessions
from weighlock.errors import Forbidden
from weighlock.identity.cutoffs import Cutoff, Cutoffs


async def decide(place: Place, client: httpx.AsyncClient, id: str, **given: Any) -> httpx.Response:
    form = {"form": place.form(), "decision": "approve"} | given.pop("form", {})
    return await client.post(f"/approvals/{id}/decision", data=form, headers=place.headers(**given))


async def test_every_answer_has_the_same_strict_headers(place: Place, alice: httpx.AsyncClient) -> None:
    id = await place.hold()
    paths = ["/", "/settled", f"/approvals/{id}", "/approvals/ffff", "/static/app.js", "/api/openapi.json"]
    for path in paths:
        answer = await alice.get(path)
        for name in HEADERS.keys() - {"cache-control"}:
            assert answer.headers[name] == HEADERS[name], path
        assert answer.headers["cache-control"] == ("no-cache" if "static" in path else "no-store")
        assert "server" not in answer.headers


async def test_a_good_form_decides(place: Place, alice: httpx.AsyncClient) -> None:
    id = await place.hold()
    answer = await decide(place, alice, id)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{id}")
    assert await place.state(id) == "approved"


@pytest.mark.parametrize(
    "given",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"content_type": "text/plain"},
        {"content_type": "application/json"},
        {"form": {"form": ""}},
        {"form": {"form": "guess"}},
        {"form": {"form": "ä"}},
        {"host": "localhost"},
        {"cookie": "weighlock="},
        {"cookie": "weighlock=guess"},
    ],
    ids=str,
)
async def test_any_other_decides_nothing(place: Place, alice: httpx.AsyncClient, given: dict[str, Any]) -> None:
    id = await place.hold()
    answer = await decide(place, alice, id, **given)

    assert answer.status_code in (401, 403)
    assert await place.state(id) == "pending"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("what", ["decision", "revocation", "unmasked"])
async def test_nothing_but_a_post_does_anything(place: Place, alice: httpx.AsyncClient, method: str, what: str) -> None:
    id = await place.hold()
    place.raw[id] = "plain"
    query = f"?decision=approve&reason=x&form={place.form()}"
    answer = await alice.request(method, f"/approvals/{id}/{what}{query}", headers=place.headers())

    assert answer.status_code in (403, 405)
    assert (await place.state(id), place.recorded) == ("pending", [])


async def test_the_session_is_no_token_for_the_api(place: Place, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/api/approvals")).status_code == 401


@pytest.mark.parametrize("path", ["/", "/approvals/{id}", "/settled", "/live"])
async def test_a_stranger_is_shown_where_to_log_in_and_nothing_else(place: Place, path: str) -> None:
    id = await place.hold("A secret plan.")
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as stranger:
        answer = await stranger.get(path.format(id=id))
        onward = await stranger.get(path.format(id=id), headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 401
    assert "Log in with" in answer.text
    assert "secret plan" not in answer.text + onward.text
    assert f'content="0;url={path.format(id=id)}"' in onward.text


async def test_under_another_of_its_names_it_leads_to_the_one_that_cookies_are_of(place: Place) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        other = await client.get(f"http://localhost:{place.port}/settled")
        evil = await client.get(place.url, headers={"host": f"evil.example:{place.port}"})

    assert (other.status_code, other.headers["location"]) == (302, f"{place.url}/settled")
    assert evil.status_code == 403


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/\\evil.example", "/api", "/login"])
async def test_a_login_leads_nowhere_else(place: Place, back: str) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        answer = await client.get("/login", params={"issuer": place.site.logins.issuers()[0], "back": back})

    assert answer.status_code == 302
    cookie = answer.headers["set-cookie"]
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    kept = cookie.partition(";")[0].partition("=")[2]
    assert place.site.logins._attempts.finish(kept, state).back == "/"
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_who_is_cut_off_is_logged_out_at_once(place: Place, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/")).status_code == 200
    place.cut = Cutoffs([Cutoff(1, "sub", "alice", "left", "dana", 0.0)])
    answer = await alice.get("/")
    place.cut = Cutoffs()

    assert "This identity was cut off." in answer.text
    assert (await alice.get("/")).status_code == 401


async def test_a_session_ends_however_busy_it_is(place: Place, alice: httpx.AsyncClient) -> None:
    place.ahead = 3599.0
    assert (await alice.get("/")).status_code == 200
    place.ahead = 3601.0
    assert (await alice.get("/")).status_code == 401


def test_of_too_many_sessions_the_oldest_end(place: Place) -> None:
    sessions = BrowserSessions(lambda: 0.0, 10.0)
    cookies = [sessions.open(None) for _ in range(MOST + 1)]  # type: ignore[arg-type]

    assert sessions.find(cookies[0]) is None
    assert sessions.find(cookies[1]) is not None
    assert sessions.find("") is None


async def test_a_stream_says_what_moves_to_who_may_see_it(place: Place, alice: httpx.AsyncClient) -> None:
    async with alice.stream("GET", "/live") as stream:
        lines = stream.aiter_lines()
        assert stream.headers["content-type"] == "text/event-stream"
        assert await anext(lines) == "retry: 5000"
        await place.hold(terms=some_terms("legal"))
        id = await place.hold()
        async with asyncio.timeout(5):
            said = [line async for line in _until(lines, "data: ")]
    assert said[-1] == f'data: {{"id": "{id}", "state": "pending"}}'


async def _until(lines: AsyncIterator[str], start: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return


async def test_streams_are_few_and_end_with_the_session(place: Place, alice: httpx.AsyncClient) -> None:
    (session,) = place.sessions._open.values()
    feed = place.site.feed
    with pytest.raises(Forbidden), feed.stream("someone else"):
        raise Forbidden("x", "It is given back whatever happens.")
    opened = [feed.stream(session.id) for _ in range(SHARE)]
    streams = [one.__enter__() for one in opened]
    assert (await alice.get("/live")).status_code == 503

    feed.end(session.id)
    assert all(stream.ended for stream in streams)
    for one in opened:
        one.__exit__(None, None, None)


async def test_nothing_unmasked_is_shown_that_could_not_be_recorded(place: Place, alice: httpx.AsyncClient) -> None:
    async def fail(*_: str) -> None:
        raise Forbidden("ledger-unwritable", "It cannot be recorded.")

    id = await place.hold("<EMAIL_ADDRESS>")
    place.raw[id] = plain = "maria" + "@example.com"
    object.__setattr__(place.site, "record", fail)
    answer = await alice.post(f"/approvals/{id}/unmasked", data={"form": place.form()}, headers=place.headers())

    assert answer.status_code == 403
    assert plain not in answer.text


async def test_who_is_of_no_such_group_sees_nothing_unmasked(place: Place, alice: httpx.AsyncClient) -> None:
    id = await place.hold("<EMAIL_ADDRESS>")
    place.raw[id] = plain = "maria" + "@example.com"
    object.__setattr__(place.site, "raw_groups", frozenset({"auditors"}))
    assert "unmasked" not in (await alice.get(f"/approvals/{id}")).text
    answer = await alice.post(f"/approvals/{id}/unmasked", data={"form": place.form()}, headers=place.headers())

    assert (answer.status_code, place.recorded) == (403, [])
    assert plain not in answer.text
