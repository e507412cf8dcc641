"""Pages in a real browser: Debian's Chromium without a window, and a real OpenID provider. One of each for a worker."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from browsing import Place
from oidc import OidcProvider
from visiting import Visitor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


PORT = Place().port


@pytest.fixture(scope="session")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider(redirects=[f"http://127.0.0.1:{PORT}/login/callback"]) as provider:
        yield provider


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "Chromium is missing; ./scripts/test installs it"
    async with async_playwright() as driver:
        # Its sandbox wants a user who is not root; what it opens is our own page.
        browser = await driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def place(provider: OidcProvider) -> AsyncIterator[Place]:
    place = Place(PORT)
    await place.open(provider)
    yield place
    await place.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(place: Place, chromium: Browser) -> AsyncIterator[list[Visitor]]:
    """Two people, each with a browser of their own; neither is logged in."""
    contexts = [await chromium.new_context() for _ in range(2)]
    both = [Visitor(place, context, await context.new_page()) for context in contexts]
    for visitor in both:
        visitor.page.set_default_timeout(30_000)
    yield both
    for context in contexts:
        await context.close()


@pytest.fixture(scope="session")
def tokens(provider: OidcProvider) -> dict[str, str]:
    return {who: provider.id_token(who) for who in ("alice", "lee", "eve", "dana")}


@pytest_asyncio.fixture(loop_scope="session")
async def alice(visitors: list[Visitor], tokens: dict[str, str]) -> Visitor:
    await visitors[0].enter(tokens["alice"])
    return visitors[0]


@pytest_asyncio.fixture(loop_scope="session")
async def lee(visitors: list[Visitor], tokens: dict[str, str]) -> Visitor:
    await visitors[1].enter(tokens["lee"])
    return visitors[1]
