"""Grants are asked for on a page by the rules of every other form."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from browsing import AGE, Place
from held import some_terms
from weighlock.holds import ApprovalState, Kind, Limits

WANTED = {
    "workload": "nightly",
    "statement": "large",
    "destination": "model",
    "model": "small",
    "requests": "5",
    "bytes": "1000",
    "minutes": "10",
    "reason": "month's end",
}


async def ask(place: Place, client: httpx.AsyncClient, *, headers: Any = None, **given: str) -> httpx.Response:
    form = {"form": place.form()} | WANTED | given
    return await client.post("/grants", data=form, headers=place.headers(**headers or {}))


async def test_what_is_asked_for_waits_for_a_second_person(place: Place, alice: httpx.AsyncClient) -> None:
    answer = await ask(place, alice)
    (grant,) = await place.desk.list()

    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{grant.id}")
    assert (grant.kind, grant.state, grant.terms.need) == (Kind.GRANT, ApprovalState.PENDING, 2)
    assert [one.who for one in grant.decisions] == ["alice@example.com"]
    assert (grant.subject, grant.reason, grant.owner) == ("alice@example.com", "month's end", "dana")
    assert grant.limits == Limits(5, 1000, 600.0)


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({"origin": "http://evil.example"}, {}),
        ({"sec_fetch_site": "same-site"}, {}),
        ({"content_type": "text/plain"}, {}),
        ({"host": "localhost"}, {}),
        ({"cookie": "weighlock=guess"}, {}),
        ({}, {"form": "guess"}),
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_asks_for_nothing(
    place: Place, alice: httpx.AsyncClient, headers: dict[str, str], given: dict[str, str]
) -> None:
    answer = await ask(place, alice, headers=headers, **given)

    assert answer.status_code in (401, 403)
    assert await place.desk.list() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_but_a_post_asks(place: Place, alice: httpx.AsyncClient, method: str) -> None:
    query = {"form": place.form()} | WANTED
    answer = await alice.request(method, "/grants", params=query, headers=place.headers())

    assert answer.status_code in (200, 403, 405)
    assert await place.desk.list() == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"workload": "weekly"}, 400),
        ({"destination": "elsewhere"}, 400),
        ({"statement": "other"}, 400),
        ({"model": "<script>alert(1)</script>"}, 400),
        ({"requests": "0"}, 400),
        ({"requests": "1001"}, 400),
        ({"requests": "1e2"}, 400),
        ({"requests": "-1"}, 400),
        ({"requests": "\u0665"}, 400),
        ({"bytes": ""}, 400),
        ({"minutes": "61"}, 400),
        ({"reason": " "}, 403),
        ({"reason": "x" * 1001}, 400),
        ({"reason": "\u202e"}, 400),
    ],
    ids=str,
)
async def test_what_is_refused_is_shown_again_as_it_was_said(
    place: Place, alice: httpx.AsyncClient, given: dict[str, str], status: int
) -> None:
    answer = await ask(place, alice, **given)

    assert answer.status_code == status
    assert 'id="refused"' in answer.text
    kept = [name for name in ("requests", "bytes", "minutes") if name not in given]
    assert all(f'value="{WANTED[name]}"' in answer.text for name in kept)
    assert "<script>alert" not in answer.text
    assert await place.desk.list() == []


async def test_who_logged_in_too_long_ago_asks_and_has_approved_nothing(place: Place, alice: httpx.AsyncClient) -> None:
    place.ahead = AGE + 60
    await ask(place, alice)
    (grant,) = await place.desk.list()

    assert (grant.state, grant.decisions) == (ApprovalState.PENDING, ())


async def test_the_form_is_filled_in_with_what_may_be_seen_alone(place: Place, alice: httpx.AsyncClient) -> None:
    mine, other = await place.hold(model="small"), await place.hold(model="unseen-model", terms=some_terms("legal"))
    filled = await alice.get("/grants", params={"like": mine})
    refused = await alice.get("/grants", params={"like": other})

    assert 'value="small"' in filled.text
    assert 'value="large" checked' in filled.text
    assert (refused.status_code, "unseen-model" in refused.text) == (403, False)
