"""A console whose pages a browser can open: a desk in memory, a real OpenID provider, and people who log in there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from builders import a_destination
from demo.gateway import free_port
from held import a_request, a_store, listed, some_terms
from oidc import OidcProvider
from weighlock.adapters import grants
from weighlock.adapters.approvals import Desk
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.introspection import Introspection
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.logins import Logins
from weighlock.adapters.rulebook import NONE, IdentityRules, Rules
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.sessions import SCHEMA, SessionStore
from weighlock.adapters.waiting import Bounds
from weighlock.approval.grants import Wanted
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import Console
from weighlock.console.feed import Feed
from weighlock.console.page import Site
from weighlock.console.sessions import BrowserSessions
from weighlock.console.visits import Visits
from weighlock.errors import Refused
from weighlock.holds import Approval, Mark, Shown
from weighlock.identity.cutoffs import Cutoffs
from weighlock.identity.issuers import Issuer
from weighlock.identity.login import Login
from weighlock.identity.people import Person
from weighlock.identity.workloads import Workload
from weighlock.model import Action, Direction, Role, Text
from weighlock.policy.statements import Policy, Statement

AGE = 900.0
TERMS = some_terms("security")
DANA = Person("dana", ("dana@example.com",))
POLICY = Policy((Statement("large", Action.HOLD, frozenset(Direction), terms=TERMS),), Action.ALLOW, None, {})


@dataclass(frozen=True)
class Visit:
    """As it is recorded."""

    event: str
    message: str
    subject: str
    code: str


class Place:
    """*provider* is to send browsers back to `redirect`. The clock runs *ahead* of the real one, in seconds."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.redirect = f"{self.url}/login/callback"
        self.ahead, self.cut = 0.0, Cutoffs()
        self.recorded: list[tuple[str, str]] = []
        self.visitors: list[Visit] = []
        self.raw: dict[str, str] = {}
        self.held: list[asyncio.Task[Approval]] = []

    def clock(self) -> float:
        return time.time() + self.ahead

    async def open(self, provider: OidcProvider, client: str = "console", secret: str = "") -> None:
        login = Login(client, "console", secret, ("openid", "email", "groups"))
        issuer = Issuer(provider.url, provider.jwks_url, "weighlock", login=login)
        self.issuer = issuer.url
        self.rules = IdentityRules({issuer.url: issuer}, (DANA,), (Workload("nightly", DANA, issuer.url),))
        self._database = Database(memory=True)
        self._database.conn.executescript(SCHEMA)
        jwks = Jwks(Path(), time.monotonic)
        sessions = Sessions(SessionStore(self._database), self.clock)
        self.identifier = identifier = Identifier(jwks, Introspection(self.clock, time.monotonic), sessions, self.clock)
        feed = Feed()
        self.desk = Desk(a_store(), self.clock, Bounds(max_age=AGE), lambda approval, _: feed.publish(approval))

        self.visits = Visits(identifier, lambda: self.rules, lambda: self.cut, self._visited, self.clock)
        self.sessions = BrowserSessions(self.clock, 3600.0)
        self.site = Site(
            url=self.url,
            desk=self.desk,
            logins=Logins(identifier, lambda: self.rules, self.redirect, AGE, self.clock),
            sessions=self.sessions,
            feed=feed,
            visits=self.visits,
            ask=self.grant,
            choices=lambda asker: grants.choices(self._in_force(), asker),
            raw=self._raw,
            record=self._record,
            raw_groups=frozenset({"security"}),
            max_age=AGE,
            clock=self.clock,
        )
        self.console = Console(("127.0.0.1", self.port), self.desk, self.visits.by_token, None, self.grant, self.site)
        self.console.start()

    async def close(self) -> None:
        await self.console.stop()
        for task in self.held:
            task.cancel()
        await asyncio.gather(*self.held, return_exceptions=True)
        await self.desk.close()
        self._database.close()

    async def hold(self, *texts: str | Shown, **given: Any) -> str:
        """The id of what is held."""
        known = {one.id for one in await self.desk.list()}
        prompt = tuple(
            text if isinstance(text, Shown) else Shown(f"/messages/{at}/content", "content", text)
            for at, text in enumerate(texts or ("Summarise the report.",))
        )
        who = {"claims": {"user_email": given.pop("asker", "ci@example.com")}}
        number = len(known)
        request = a_request(f"x{number}", f"b{number}", **{"terms": TERMS} | who | given)
        self.held.append(asyncio.create_task(self.desk.hold(replace(request, prompt=prompt), 600.0)))
        (id,) = [one.id for one in await listed(self.desk, number + 1) if one.id not in known]
        return id

    async def grant(self, asker: Approver, wanted: Wanted, reason: str) -> Approval:
        return await self.desk.grant(asker, grants.wanted(self._in_force(), wanted, asker, reason, self.clock()))

    def _in_force(self) -> Rules:
        places = {("llm.example", 443): a_destination()}
        return replace(NONE, destinations=places, identity=self.rules, policy=POLICY)

    async def admit(self, raw: str) -> str:
        """The cookie of a new session of whose ID token this is."""
        return self.sessions.open(await self.identifier.person(raw, self.rules))

    def form(self) -> str:
        """What a form of the first session brings back."""
        return next(iter(self.sessions._open.values())).forms

    def headers(self, **given: str) -> dict[str, str]:
        """Of a form that a browser sends from a page of the console, but for those *given*."""
        usual = {"origin": self.url, "sec-fetch-site": "same-origin"}
        return usual | {name.replace("_", "-"): value for name, value in given.items()}

    async def state(self, id: str) -> str:
        return (await self.desk.get(id)).state.value

    def _raw(self, approval: Approval) -> Sequence[Text] | None:
        said = self.raw.get(approval.id)
        return None if said is None else (Text("/messages/0/content", Role.CONTENT, said),)

    async def _visited(self, event: str, message: str, account: Mapping[str, str], why: Refused | None) -> None:
        self.visitors.append(Visit(event, message, account.get("subject", ""), why.code if why else ""))

    async def _record(self, event: str, message: str) -> None:
        self.recorded.append((event, message))


def marked(text: str, entity: str) -> Shown:
    """*text*, whose `<ENTITY>` was found."""
    start = text.index(f"<{entity}>")
    return Shown("/messages/0/content", "content", text, (Mark(start, start + len(entity) + 2, entity),))
