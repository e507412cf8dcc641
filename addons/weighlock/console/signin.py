"""Logging in to the pages, and out."""

from __future__ import annotations

import re

from weighlock.adapters.attempts import MINUTES
from weighlock.adapters.identifier import Verified
from weighlock.console.page import Page
from weighlock.console.visits import Way
from weighlock.errors import Refused, Unidentified

BACK = re.compile(r"/(?:approvals/[0-9a-f]{1,32}|settled)?")


class _Door(Page):
    public = True

    def keep(self, name: str, value: str, same_site: str, seconds: float | None = None) -> None:
        """A cookie that no script reads; without *seconds*, for as long as the browser is open."""
        self.set_cookie(
            self.site.cookie(name),
            value,
            path="/",
            httponly=True,
            secure=self.site.url.startswith("https:"),
            samesite=same_site,
            max_age=None if seconds is None else int(seconds),
        )

    def forget(self, name: str) -> None:
        self.keep(name, "", "Strict", 0)


class LogIn(_Door):
    async def get(self) -> None:
        back = self.get_query_argument("back", "/")
        place, browser = await self.site.logins.begin(
            self.get_query_argument("issuer", ""), back if BACK.fullmatch(back) else "/"
        )
        # Lax: it has to come along when the issuer sends the browser back.
        self.keep("weighlock-login", browser, "Lax", 60 * MINUTES)
        self.redirect(place)


class Callback(_Door):
    async def get(self) -> None:
        visits = self.site.visits
        try:
            verified, back = await self._answered()
        except Refused as refused:
            await visits.refused(Way.BROWSER, refused)
            raise
        self.who = await visits.came(verified, Way.BROWSER)
        if self.session:
            self.site.end(self.session)
        self.forget("weighlock-login")
        self.keep("weighlock", self.site.sessions.open(verified), "Strict")
        # Not a redirect: the browser came from elsewhere, and would not bring the strict cookie along.
        self.show("onward.html", place=back, title="Logged in")

    async def _answered(self) -> tuple[Verified, str]:
        arguments = self.request.query_arguments
        said = {name: self.get_query_argument(name) for name in arguments if len(arguments[name]) == 1}
        if len(said) != len(arguments):
            raise Unidentified("login-refused", "The issuer's answer says something twice.")
        browser = self.get_cookie(self.site.cookie("weighlock-login"), "") or ""
        return await self.site.logins.finish(said, browser)


class LogOut(_Door):
    public = False

    async def post(self) -> None:
        if self.session:
            self.site.end(self.session)
            await self.site.visits.left(self.approver, Way.BROWSER)
        self.forget("weighlock")
        self.redirect("/", status=303)
