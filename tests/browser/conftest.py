"""Pages in a real browser: Debian's Chromium without a window, and a real OpenID provider. One of each for a worker."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from browsing import Place
from oidc import OidcProvider


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


class Visitor:
    """Somebody at a browser of their own."""

    def __init__(self, place: Place, context: BrowserContext, page: Page) -> None:
        self.place, self.context, self.page = place, context, page

    async def log_in(self, who: str, path: str = "/") -> None:
        await self.page.goto(self.place.url + path)
        await self.page.get_by_role("link", name="Log in with").click()
        await self.prove(who)

    async def enter(self, token: str) -> None:
        """With the session of whose ID token this is, without the way to the provider and back."""
        cookie = {"name": "weighlock", "value": await self.place.admit(token), "url": self.place.url}
        await self.context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Strict"}])  # type: ignore[list-item]

    async def prove(self, who: str) -> None:
        """At the provider, until the browser is back."""
        if await self.page.locator("input[name=login]").count():
            await self.page.fill("input[name=login]", who)
            await self.page.fill("input[name=password]", "any")
            await self.page.click("button[type=submit]")
        await self.page.wait_for_load_state()
        if "/interaction/" in self.page.url:
            await self.page.click("button[type=submit]")
        await self.page.wait_for_selector(".who", state="attached")
        await self.page.wait_for_url(lambda url: "/login" not in url)

    async def open(self, id: str = "") -> None:
        await self.page.goto(f"{self.place.url}/approvals/{id}" if id else self.place.url)

    async def text(self) -> str:
        return await self.page.inner_text("main")


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(place: Place, chromium: Browser) -> AsyncIterator[list[Visitor]]:
    """Two people, each with a browser of their own; neither is logged in."""
    contexts = [await chromium.new_context() for _ in range(2)]
    both = [Visitor(place, context, await context.new_page()) for context in contexts]
    for visitor in both:
        visitor.page.set_default_timeout(15_000)
    yield both
    for context in contexts:
        await context.close()


@pytest.fixture(scope="session")
def tokens(provider: OidcProvider) -> dict[str, str]:
    return {who: provider.id_token(who) for who in ("alice", "lee", "eve")}


@pytest_asyncio.fixture(loop_scope="session")
async def alice(visitors: list[Visitor], tokens: dict[str, str]) -> Visitor:
    await visitors[0].enter(tokens["alice"])
    return visitors[0]


@pytest_asyncio.fixture(loop_scope="session")
async def lee(visitors: list[Visitor], tokens: dict[str, str]) -> Visitor:
    await visitors[1].enter(tokens["lee"])
    return visitors[1]
