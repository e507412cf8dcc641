"""People at the console's pages, each at a browser of their own."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Page

from browsing import Place


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

    async def press(self, key: str) -> None:
        """A key, once the page listens: what a test waits for may be shown before the page's script has run."""
        await self.page.wait_for_load_state()
        await self.page.keyboard.press(key)

    async def text(self) -> str:
        return await self.page.inner_text("main")
