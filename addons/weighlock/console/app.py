"""The approvers' API, on loopback: what waits, what it says with every finding masked, and the decision.

Every request carries the approver's own token. There are no cookies, so no other site's page can decide anything.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from weighlock.adapters.approvals import Desk
from weighlock.approval.lifecycle import Approver, check_group
from weighlock.console import events
from weighlock.errors import ConfigError, Forbidden, Malformed, Refused, Unidentified
from weighlock.ledger import clear
from weighlock.model import Approval
from weighlock.wire import jsontext

Verify = Callable[[str], Awaitable[Approver]]
LIMIT = 64 << 10
"""Bytes of a request to the console."""


class Console:
    """*verify* turns a token into an approver, or raises Refused; *deliver* takes a transmitter's event.

    Without *deliver* there is no place for events. ConfigError for an address that is not loopback.
    """

    def __init__(
        self, address: tuple[str, int] | None, desk: Desk, verify: Verify, deliver: events.Deliver | None = None
    ) -> None:
        if address is not None and not _is_loopback(address[0]):
            raise ConfigError(
                "not a loopback address: approvers' tokens would travel in the clear", "weighlock_console"
            )
        self._address = address
        arguments = {"desk": desk, "verify": verify, "hosts": _hosts(address)}
        self._application = Application(
            [
                (r"/api/approvals", _List, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})", _One, arguments),
                (r"/api/approvals/([0-9a-f]{1,32})/decision", _Decision, arguments),
                *([(events.PATH, events.Events, {"deliver": deliver})] if deliver else []),
            ],
            default_handler_class=_Unknown,
            default_handler_args=arguments,
            log_function=lambda _: None,
        )
        self._server: HTTPServer | None = None

    def start(self) -> None:
        """OSError where the address cannot be had."""
        if self._address is not None:
            host, port = self._address
            self._server = HTTPServer(self._application, max_body_size=LIMIT, max_header_size=LIMIT)
            self._server.listen(port, host)

    async def stop(self) -> None:
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
    return frozenset(f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names)


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
        error = given.get("exc_info", (None, None, None))[1]
        if isinstance(error, Refused):
            status_code, code, reason, next_step = error.status, error.code, error.reason, error.next_step
        else:
            code, reason, next_step = "console", HTTPStatus(status_code).phrase, ""
        self.set_status(status_code)
        self.set_header("content-type", "application/problem+json")
        detail = f"{reason} {next_step}".strip()
        self.finish(
            json.dumps({"type": f"urn:weighlock:{code}", "title": code, "status": status_code, "detail": detail})
        )

    def log_exception(self, *_: Any) -> None:
        """A request's text is nobody's to log."""


class _List(_Handler):
    def get(self) -> None:
        seen = [approval for approval in self.desk.list() if approval.approvers & self.approver.groups]
        self.finish(json.dumps([plain(approval) for approval in seen]))


class _One(_Handler):
    def get(self, id: str) -> None:
        approval = self.desk.get(id)
        check_group(approval, self.approver)
        prompt = [{"pointer": clear.pointer(text.pointer), "text": text.value} for text in self.desk.preview(id)]
        self.finish(json.dumps(plain(approval) | {"prompt": prompt}))


class _Decision(_Handler):
    def post(self, id: str) -> None:
        if self.request.headers.get("content-type") != "application/json":
            raise Malformed("media-type", "The decision is JSON.")
        approve, reason = _decision(self.request.body)
        self.finish(json.dumps(plain(self.desk.decide(id, self.approver, approve, reason))))


def _decision(body: bytes) -> tuple[bool, str]:
    """Whether it is approved, and why. The reason is one line without control characters: terminals will show it."""
    try:
        decision = jsontext.parse(body).value
    except Malformed:
        decision = None
    if isinstance(decision, dict) and decision.keys() <= {"approve", "reason"}:
        approve, reason = decision.get("approve"), decision.get("reason", "")
        # A number is read as a kind of str, which keeps its spelling: it is no reason.
        if isinstance(approve, bool) and type(reason) is str and len(reason) <= 1000 and reason.isprintable():
            return approve, reason
    raise Malformed("decision", 'A decision is {"approve": true or false, "reason": one line of text}.')


class _Unknown(_Handler):
    async def prepare(self) -> None:
        await super().prepare()
        self.send_error(404)


def plain(approval: Approval) -> dict[str, Any]:
    """As JSON. Times are Unix seconds."""
    shown = asdict(approval)
    shown |= {"approvers": sorted(approval.approvers), "persons": sorted(approval.persons)}
    return shown
