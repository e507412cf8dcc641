"""The pages without a browser: a place with a real OpenID provider, and alice, who is logged in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest

from browsing import Place
from oidc import OidcProvider

PORT = Place().port


@pytest.fixture(scope="package")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider(redirects=[f"http://127.0.0.1:{PORT}/login/callback"]) as provider:
        yield provider


@pytest.fixture(scope="package")
def token(provider: OidcProvider) -> str:
    return provider.id_token("alice")


@pytest.fixture
async def place(provider: OidcProvider) -> AsyncIterator[Place]:
    place = Place(PORT)
    await place.open(provider)
    yield place
    await place.close()


@pytest.fixture
async def stranger(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as client:
        yield client


@pytest.fixture
async def alice(place: Place, token: str) -> AsyncIterator[httpx.AsyncClient]:
    cookie = await place.admit(token)
    async with httpx.AsyncClient(base_url=place.url, cookies={"weighlock": cookie}, trust_env=False) as client:
        yield client


@pytest.fixture
def proved(place: Place) -> Callable[..., Coroutine[Any, Any, str]]:
    """Goes the whole way to the provider, and says where that sends the browser back to."""

    async def proved(client: httpx.AsyncClient, who: str, **query: str) -> str:
        answer = await client.get("/login", params={"issuer": place.issuer} | query)
        while not (place_to_be := answer.headers.get("location", "")).startswith(f"{place.url}/login/callback"):
            if place_to_be:
                answer = await client.get(answer.url.join(place_to_be))
            else:
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                assert form, answer.text
                fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', answer.text))
                filled = {"login": who, "password": "any"} if 'name="login"' in answer.text else {}
                answer = await client.post(answer.url.join(form[1]), data=fields | filled)
        return place_to_be

    return proved
