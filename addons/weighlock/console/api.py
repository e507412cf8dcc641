"""What the approvers' API answers: what waits, what it says with every finding masked, and the decision."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from tornado.web import RequestHandler

from weighlock.adapters.approvals import Desk
from weighlock.approval.lifecycle import Approver, check_group, may_see
from weighlock.console.granting import NUMBERS, TEXTS, wanted
from weighlock.console.page import HEADERS, Ask, problem
from weighlock.console.visits import Visits, Way
from weighlock.errors import Forbidden, Malformed, Unidentified
from weighlock.holds import Approval
from weighlock.ledger import clear
from weighlock.wire import jsontext
from weighlock.wire.strictjson import Number

Verify = Callable[[str], Awaitable[Approver]]


def routes(arguments: dict[str, Any], ask: Ask | None, visits: Visits | None) -> list[tuple[str, type, dict[str, Any]]]:
    """*arguments* are those of every handler. What is not given has no place."""
    one = r"/api/approvals/([0-9a-f]{1,32})"
    return [
        (r"/api/approvals", _List, arguments),
        (one, _One, arguments),
        (rf"{one}/decision", _Decision, arguments),
        (rf"{one}/revocation", _Revocation, arguments),
        (rf"{one}/review", _Review, arguments),
        *([(r"/api/grants", _Grant, arguments | {"ask": ask})] if ask else []),
        *([(r"/api/me/login", _LogIn, arguments | {"visits": visits})] if visits else []),
        *([(r"/api/me/logout", _LogOut, arguments | {"visits": visits})] if visits else []),
    ]


class _Handler(RequestHandler):
    approver: Approver

    def initialize(self, desk: Desk, verify: Verify, hosts: frozenset[str]) -> None:
        self.desk, self.verify, self.hosts = desk, verify, hosts

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.set_header("content-type", "application/json")
        self.clear_header("server")

    def compute_etag(self) -> None: ...

    async def prepare(self) -> None:
        if self.request.headers.get("host") not in self.hosts:
            raise Forbidden("console-host", "The console does not answer under this name.")
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unidentified("token-missing", "An approver's token is needed.")
        self.approver = await self.verify(token.strip())

    def write_error(self, status_code: int, **given: Any) -> None:
        said = problem(given.get("exc_info", (None, None, None))[1], status_code)
        self.set_status(said["status"])
        self.set_header("content-type", "application/problem+json")
        self.finish(json.dumps(said))

    def log_exception(self, *_: Any) -> None:
        """A request's text is nobody's to log."""


class _List(_Handler):
    async def get(self) -> None:
        waiting = self.get_query_argument("waiting", "false")
        if waiting not in ("true", "false"):
            raise Malformed("waiting", "`waiting` is true or false.")
        listed = await (self.desk.waiting() if waiting == "true" else self.desk.list())
        self.finish(json.dumps([plain(approval) for approval in listed if may_see(approval, self.approver)]))


class _One(_Handler):
    async def get(self, id: str) -> None:
        approval = await self.desk.get(id)
        if not may_see(approval, self.approver):
            check_group(approval, self.approver)
        shown = {"prompt": await self.desk.prompt(id), "before": await self.desk.before(approval.workload)}
        self.finish(json.dumps(plain(approval) | {name: [asdict(one) for one in said] for name, said in shown.items()}))


class _Posted(_Handler):
    def said(self, *required: str, **kinds: type) -> dict[str, Any]:
        """The members of the body, by name and kind; what is left out, and not *required*, is false or empty.

        Text is one line without control characters: terminals will show it.
        """
        if self.request.headers.get("content-type") != "application/json":
            raise Malformed("media-type", "The decision is JSON.")
        try:
            body = jsontext.parse(self.request.body).value
        except Malformed:
            body = None
        if isinstance(body, dict) and set(required) <= body.keys() <= kinds.keys():
            said = {name: body.get(name, kind()) for name, kind in kinds.items()}
            # A number is read as a kind of str, which keeps its spelling: it is no reason.
            if all(type(said[name]) is kind for name, kind in kinds.items()) and all(
                len(text) <= 1000 and text.isprintable() for text in said.values() if isinstance(text, str)
            ):
                return said
        raise Malformed("decision", f"What is said is JSON: {', '.join(kinds)}; texts are one line.")


class _Decision(_Posted):
    async def post(self, id: str) -> None:
        said = self.said("approve", approve=bool, reason=str, break_glass=bool)
        decided = self.desk.decide(id, self.approver, said["approve"], said["reason"], break_glass=said["break_glass"])
        self.finish(json.dumps(plain(await decided)))


class _Revocation(_Posted):
    async def post(self, id: str) -> None:
        said = self.said("reason", reason=str)
        self.finish(json.dumps(plain(await self.desk.revoke(id, self.approver, said["reason"]))))


class _Review(_Posted):
    async def post(self, id: str) -> None:
        said = self.said("reason", reason=str)
        self.finish(json.dumps(plain(await self.desk.review(id, self.approver, said["reason"]))))


class _Grant(_Posted):
    def initialize(self, ask: Ask, **given: Any) -> None:  # type: ignore[override]
        super().initialize(**given)
        self.ask = ask

    async def post(self) -> None:
        kinds: dict[str, type] = dict.fromkeys(TEXTS, str) | dict.fromkeys(NUMBERS, Number) | {"statements": list}
        said = self.said(*kinds, **kinds)
        statements = said.pop("statements")
        if not all(type(one) is str for one in statements):
            raise Malformed("decision", "`statements` is a list of texts.")
        asked = self.ask(self.approver, wanted(said, statements), said["reason"])
        self.finish(json.dumps(plain(await asked)))


class _Me(_Handler):
    def initialize(self, visits: Visits, **given: Any) -> None:  # type: ignore[override]
        super().initialize(**given)
        self.visits = visits

    async def post(self) -> None:
        await self.say()
        self.finish(json.dumps({"name": self.approver.name, "groups": sorted(self.approver.groups)}))

    async def say(self) -> None:
        raise NotImplementedError


class _LogIn(_Me):
    """Somebody at a terminal keeps their token from now on."""

    async def say(self) -> None:
        await self.visits.login(self.approver, Way.TERMINAL)


class _LogOut(_Me):
    async def say(self) -> None:
        await self.visits.left(self.approver, Way.TERMINAL)


class Unknown(_Handler):
    async def prepare(self) -> None:
        await super().prepare()
        self.send_error(404)


def plain(approval: Approval) -> dict[str, Any]:
    """As JSON, with the reasons that people gave. Times are Unix seconds."""
    shown = clear.approval(approval)
    shown["reason"] = approval.reason
    shown["decisions"] = [clear.decision(one) | {"reason": one.reason} for one in approval.decisions]
    if approval.review:
        shown["review"] = clear.decision(approval.review) | {"reason": approval.review.reason}
    return shown
