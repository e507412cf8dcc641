"""Opaque tokens and discovery, with a real OpenID provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.issuer import AUDIENCE
from oidc import ALGORITHMS, OidcProvider, a_key
from weighlock import rulefile
from weighlock.adapters.introspection import INACTIVE_TTL, TTL, Introspection
from weighlock.adapters.jwks import Jwks
from weighlock.errors import Refused
from weighlock.identity import issuers, tokens
from weighlock.identity.issuers import Issuer


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as made:
        yield made


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTROSPECTION_SECRET", OidcProvider.introspector[1])


class Gate:
    """The part of a gateway that asks *provider* about opaque tokens; its answers are as old as *now* says."""

    def __init__(self, provider: OidcProvider, **given: Any) -> None:
        self.now = 0.0
        endpoint = {
            "url": provider.introspection_url,
            "client": provider.introspector[0],
            "secret": "env:INTROSPECTION_SECRET",
            "shape": "[A-Za-z0-9_-]{43}",
        }
        members = {"url": provider.url, "audience": AUDIENCE, "introspection": endpoint | given}
        self.issuers = issuers.parse(rulefile.parse(f"issuers: [{members}]", "issuers.yaml"))
        self.introspection = Introspection(time.time, lambda: self.now)

    async def claims(self, token: str) -> Any:
        issuer = issuers.opaque(self.issuers, token)
        assert issuer
        return await self.introspection.claims(issuer, token, issuer.audience)

    async def said(self, token: str) -> str:
        try:
            subject: str = (await self.claims(token))["sub"]
        except Refused as refused:
            return refused.code
        return subject


async def test_an_opaque_token_is_what_its_issuer_says(provider: OidcProvider) -> None:
    claims = await Gate(provider).claims(provider.token("opaque", repository_id="42"))

    assert claims["sub"] == claims["client_id"] == "nightly"
    assert (claims["iss"], claims["aud"], claims["repository_id"]) == (provider.url, AUDIENCE, "42")
    assert 0 < claims["exp"] - claims["iat"] <= 300


async def test_a_revoked_token_is_refused_when_the_answer_is_half_a_minute_old(provider: OidcProvider) -> None:
    gate, token = Gate(provider), provider.token("opaque")
    assert await gate.said(token) == "nightly"
    provider.revoke(token)
    assert await gate.said(token) == "nightly"

    gate.now = TTL
    assert await gate.said(token) == "token-inactive"
    assert await Gate(provider).said(token) == "token-inactive"


async def test_a_token_that_nobody_issued_and_one_that_is_bound_to_a_key_are_refused(provider: OidcProvider) -> None:
    gate = Gate(provider)
    assert await gate.said("A" * 43) == "token-inactive"
    assert await gate.said(provider.bound_token("opaque")) == "token-not-bearer"


@pytest.mark.parametrize(
    "given",
    [
        {"secret": "env:NO_SUCH_SECRET"},
        {"client": "nobody"},
        {"secret": "file:/dev/null"},
        {"url": "http://127.0.0.1:1/"},
    ],
)
async def test_where_the_gateway_may_not_ask_no_token_is_believed(
    provider: OidcProvider, given: dict[str, str]
) -> None:
    assert await Gate(provider, **given).said(provider.token("opaque")) == "issuer-unreachable"


async def test_a_provider_that_is_down_is_believed_for_what_it_said_and_for_nothing_else() -> None:
    with OidcProvider([a_key("RS256", "one")]) as provider:
        gate, token, other = Gate(provider), provider.token("opaque"), provider.token("opaque")
        assert await gate.said(token) == "nightly"
        provider.stop()
        assert [await gate.said(token), await gate.said(other)] == ["nightly", "issuer-unreachable"]
        gate.now = TTL
        assert await gate.said(token) == "issuer-unreachable"

        provider.restart([a_key("RS256", "one")])  # it forgot them
        assert await gate.said(token) == "token-inactive"
        gate.now += INACTIVE_TTL
        assert await gate.said(provider.token("opaque")) == "nightly"


# -- discovery ---------------------------------------------------------------------------------------------------------


def discovered(provider: OidcProvider) -> Issuer:
    text = f"issuers: [{{preset: oidc, url: '{provider.url}', audience: '{AUDIENCE}'}}]"
    return issuers.parse(rulefile.parse(text, "issuers.yaml"))[provider.url]


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_keys_are_found_by_discovery(provider: OidcProvider, alg: str, tmp_path: Path) -> None:
    issuer, envelope = discovered(provider), tokens.peek(provider.token(alg))
    key = await Jwks(tmp_path, time.monotonic).key(issuer, envelope.kid, envelope.alg)

    assert tokens.verify(envelope, issuer, AUDIENCE, key, time.time())["sub"] == "nightly"
