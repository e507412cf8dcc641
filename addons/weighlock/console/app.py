"""The approvers' API, on loopback: what waits, what it says with every finding masked, and the decision.

Every request carries the approver's own token. There are no cookies, so no other site's page can decide anything.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from weighlock.adapters.approvals import Desk
from weighlock.approval.grants import Wanted
from weighlock.approval.lifecycle import Approver, check_group, may_see
from weighlock.console import events, metrics, pages
from weighlock.console.page import Site, problem
from weighlock.console.site import authority
from weighlock.errors import ConfigError, Forbidden, Malformed, Unidentified
from weighlock.holds import Approval, Limits
from weighlock.ledger import clear
from weighlock.wire import jsontext
from weighlock.wire.strictjson import Number

Verify = Callable[[str], Awaitable[Approver]]
Ask = Callable[[Approver, Wanted, str], Awaitable[Approval]]
"""Who asks, for what, and why."""
LIMIT = 64 << 10
"""Bytes of a request to the console."""


class Console:
    """*verify* turns a token into an approver, or raises Refused; *deliver* takes a transmitter's event; *ask* opens a
    grant; *read_metrics* gives what is counted. What is not given has no place.
    ConfigError for an address that is not loopback.
    """

    def __init__(
        self,
        address: tuple[str, int] | None,
        desk: Desk,
        verify: Verify,
        deliver: events.Deliver | None = None,
        ask: Ask | None = None,
        site: Site | None = None,
        read_metrics: Callable[[], bytes] | None = None,
    ) -> None:
        if address is not None and not _is_loopback(address[0]):
            raise ConfigError(
                "not a loopback address: approvers' tokens would travel in the clear", "weighlock_console"
            )
        self._address, self._site = address, site
        hosts = _hosts(address) | ({site.host} if site else frozenset())
        arguments = {"desk": desk, "verify": verify, "hosts": hosts}
        self._application = Application(
            [
                (r"/api/approvals", _List, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})", _One, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})/decision", _Decision, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})/revocation", _Revocation, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})/review", _Review, arguments),
                *([(r"/api/grants", _Grant, arguments)] if ask else []),
                *(pages.routes(site, hosts) if site else []),
                *([(events.PATH, events.Events, {"deliver": deliver})] if deliver else []),
                *([(metrics.PATH, metrics.Metrics, {"read": read_metrics, "hosts": hosts})] if read_metrics else []),
            ],
            default_handler_class=_Unknown,
            default_handler_args=arguments,
            log_function=lambda _: None,
            ask=ask,
            template_path=str(pages.FOLDER / "templates"),
        )
        self._server: HTTPServer | None = None

    def start(self) -> None:
        """OSError where the address cannot be had."""
        if self._address is not None:
            host, port = self._address
            self._server = HTTPServer(self._application, max_body_size=LIMIT, max_header_size=LIMIT)
            self._server.listen(port, host)

    async def stop(self) -> None:
        if self._site is not None:
            self._site.feed.end()
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hosts(address: tuple[str, int] | None) -> frozenset[str]:
    """The Host values under which the console answers: a page that rebinds its name to loopback has another."""
    if address is None:
        return frozenset()
    host, port = address
    names = {host, "localhost"} if host in ("127.0.0.1", "::1", "localhost") else {host}
    return frozenset(authority((name, port)) for name in names)


class _Handler(RequestHandler):
    approver: Approver

    def initialize(self, desk: Desk, verify: Verify, hosts: frozenset[str]) -> None:
        self.desk, self.verify, self.hosts = desk, verify, hosts

    def set_default_headers(self) -> None:
        self.set_header("content-type", "application/json")
        self.set_header("cache-control", "no-store")
        self.set_header("x-content-type-options", "nosniff")
        self.clear_header("server")

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
        listed = await self.desk.list()
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
    async def post(self) -> None:
        texts, numbers = ("workload", "destination", "model", "reason"), ("requests", "bytes", "minutes")
        kinds: dict[str, type] = dict.fromkeys(texts, str) | dict.fromkeys(numbers, Number) | {"statements": list}
        said = self.said(*kinds, **kinds)
        workload, destination, model, reason = (said[name] for name in texts)
        if not all(type(one) is str for one in said["statements"]):
            raise Malformed("decision", "`statements` is a list of texts.")
        if not all(re.fullmatch("[0-9]{1,12}", said[name]) for name in numbers):
            raise Malformed("decision", "Limits are whole numbers.")
        requests, size, minutes = (int(said[name]) for name in numbers)
        wanted = Wanted(workload, tuple(said["statements"]), destination, model, Limits(requests, size, 60.0 * minutes))
        self.finish(json.dumps(plain(await self.application.settings["ask"](self.approver, wanted, reason))))


class _Unknown(_Handler):
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
