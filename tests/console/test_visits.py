"""Who came, who was not let in, and who left, as it is recorded."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from browsing import Place, Visit
from oidc import OidcProvider
from weighlock.console.visits import MOST, WINDOW, Way
from weighlock.errors import Unavailable
from weighlock.identity.cutoffs import Cutoff, Cutoffs

CUT = Cutoffs([Cutoff(1, "sub", "alice", "left", "dana", 0.0)])


async def begun(place: Place, client: httpx.AsyncClient) -> str:
    """The state of a login that began."""
    answer = await client.get("/login", params={"issuer": place.site.logins.issuers()[0]})
    return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]


async def test_a_login_that_the_issuer_refuses_is_recorded_without_its_words(place: Place) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        state = await begun(place, client)
        answer = await client.get(
            "/login/callback",
            params={"state": state, "error": "access_denied", "error_description": "words", "iss": place.issuer},
        )

    assert answer.status_code == 403
    (visit,) = place.visitors
    assert visit == Visit(
        "login-refused", "somebody in a browser: The issuer let nobody in: access_denied.", "", "login-refused"
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=made-up&code=secret", "login-unknown"),
        ("state=made-up&state=other", "login-refused"),
        ("", "login-unknown"),
    ],
)
async def test_what_is_made_up_is_recorded_and_lets_nobody_in(place: Place, query: str, code: str) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        answer = await client.get(f"/login/callback?{query}")

    assert answer.status_code in (401, 403)
    assert "set-cookie" not in answer.headers
    assert [(one.event, one.code) for one in place.visitors] == [("login-refused", code)]
    assert "made-up" not in str(place.visitors)
    assert "secret" not in str(place.visitors)


async def test_who_is_cut_off_is_recorded_as_who_they_are(place: Place, alice: httpx.AsyncClient, token: str) -> None:
    place.cut = CUT
    await alice.get("/")
    await alice.get("/api/approvals", headers={"authorization": f"Bearer {token}"})

    seen = [(one.event, one.subject, one.code) for one in place.visitors]
    assert seen == [("logout", "alice", "cut-off"), ("login-refused", "alice", "cut-off")]
    assert token not in str(place.visitors)


async def test_a_log_out_is_recorded_once(place: Place, alice: httpx.AsyncClient) -> None:
    form = {"form": place.form()}
    for status in (303, 401):
        assert (await alice.post("/logout", data=form, headers=place.headers())).status_code == status

    assert place.visitors == [Visit("logout", '"alice@example.com" in a browser', "alice", "")]


async def test_a_token_that_is_none_is_recorded_without_it(place: Place) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        for value in ("Bearer guess", "Bearer", "Basic guess"):  # with the last two, nothing was tried
            for method, path in (("GET", "/api/approvals"), ("POST", "/api/me/login")):
                answer = await client.request(method, path, headers={"authorization": value})
                assert answer.status_code == 401

    assert (
        place.visitors
        == [
            Visit(
                "login-refused",
                "somebody at the API: The token is not three segments of base64url.",
                "",
                "token-malformed",
            )
        ]
        * 2
    )


async def test_using_the_api_is_no_login_and_saying_so_is(place: Place, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, headers=headers) as client:
        await client.get("/api/approvals")
        assert place.visitors == []
        said = await client.post("/api/me/login")
        await client.post("/api/me/logout")

    assert said.json() == {"name": "alice@example.com", "groups": ["security"]}
    assert [(one.event, one.message) for one in place.visitors] == [
        (event, '"alice@example.com" at a terminal') for event in ("login", "logout")
    ]


async def test_refusals_without_end_do_not_fill_the_ledger(place: Place) -> None:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        for _ in range(MOST + 5):
            await client.get("/login/callback?state=x")
        assert len(place.visitors) == MOST
        assert place.visitors[-1].message.endswith("no more are recorded")
        place.ahead = WINDOW
        await client.get("/login/callback?state=x")

    assert len(place.visitors) == MOST + 1


async def test_nobody_comes_in_who_cannot_be_recorded_and_everybody_can_leave(
    place: Place, alice: httpx.AsyncClient, provider: OidcProvider, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise Unavailable("ledger-unwritable", "It cannot be recorded.")

    monkeypatch.setattr(place.visits, "_write", fail)
    verified = await place.identifier.person(token, place.rules)
    with pytest.raises(Unavailable):
        await place.visits.came(verified, Way.BROWSER)
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        refused = await client.post("/api/me/login", headers={"authorization": f"Bearer {token}"})
    assert refused.status_code == 503
    assert (await alice.post("/logout", data={"form": place.form()}, headers=place.headers())).status_code == 303
    assert (await alice.get("/")).status_code == 401
