"""Who comes to the console, who is not let in, and who leaves: entries of the ledger, without tokens."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

from weighlock.adapters.identifier import Identifier, Verified
from weighlock.adapters.rulebook import IdentityRules
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Refused, Unavailable
from weighlock.identity.cutoffs import Cutoffs

MOST, WINDOW = 30, 60.0
"""Refusals that are recorded in so many seconds: anybody can be refused as often as they like."""

Write = Callable[[str, str, Mapping[str, str], Refused | None], Awaitable[None]]
"""An event, its message, whose account it is where that is proven, and why not. Raises Unavailable."""


class Way(StrEnum):
    BROWSER = "in a browser"
    TERMINAL = "at a terminal"
    API = "at the API"


class Visits:
    """*clock* is Unix time."""

    def __init__(
        self,
        identifier: Identifier,
        rules: Callable[[], IdentityRules],
        cutoffs: Callable[[], Cutoffs],
        write: Write,
        clock: Callable[[], float],
    ) -> None:
        self._identifier, self._rules, self._cutoffs = identifier, rules, cutoffs
        self._write, self._clock = write, clock
        self._until, self._refused = 0.0, 0

    def still(self, verified: Verified) -> Approver:
        """Who somebody that logged in is by the rules and cut-offs of now; raises Refused."""
        return self._identifier.still(verified, self._rules(), self._cutoffs())

    async def by_token(self, raw: str) -> Approver:
        """Whose token it is; raises Refused, which is recorded. That it is used is no login."""
        try:
            verified = await self._identifier.person(raw, self._rules())
        except Refused as refused:
            await self.refused(Way.API, refused)
            raise
        return await self._let(verified, Way.API)

    async def came(self, verified: Verified, way: Way) -> Approver:
        """Who logged in, and is recorded: raises Refused, also where that cannot be."""
        approver = await self._let(verified, way)
        await self.login(approver, way)
        return approver

    async def login(self, who: Approver, way: Way) -> None:
        await self._write("login", _said(way, who), _account(who), None)

    async def left(self, who: Approver | Verified, way: Way, why: Refused | None = None) -> None:
        """Nobody has to stay because it cannot be recorded."""
        with contextlib.suppress(Unavailable):
            await self._write("logout", _said(way, who, why), _account(who), why)

    async def refused(self, way: Way, why: Refused, who: Verified | None = None) -> None:
        now = self._clock()
        if now >= self._until:
            self._until, self._refused = now + WINDOW, 0
        self._refused += 1
        if self._refused <= MOST:
            more = f"; in these {WINDOW:.0f} seconds no more are recorded" if self._refused == MOST else ""
            with contextlib.suppress(Unavailable):
                await self._write("login-refused", _said(way, who, why) + more, _account(who), why)

    async def _let(self, verified: Verified, way: Way) -> Approver:
        try:
            return self.still(verified)
        except Refused as refused:
            await self.refused(way, refused, verified)
            raise


def _said(way: Way, who: Approver | Verified | None, why: Refused | None = None) -> str:
    account = _account(who)
    name = json.dumps(account["email"] or account["subject"]) if account else "somebody"
    return f"{name} {way}" + (f": {why.reason}" if why else "")


def _account(who: Approver | Verified | None) -> dict[str, str]:
    """Empty for nobody in particular: what an unproven token says is anybody's word."""
    if who is None:
        return {}
    if isinstance(who, Approver):
        return {"issuer": who.issuer, "subject": who.subject, "email": who.email}
    email = who.claims.get("email")
    return {
        "issuer": who.issuer.url,
        "subject": str(who.claims["sub"]),
        "email": email if isinstance(email, str) else "",
    }
