"""The approvers' API, on loopback: what waits, what it says with every finding masked, and the decision.

Every request carries the approver's own token. There are no cookies, so no other site's page can decide anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from tornado.httpserver import HTTPServer
from tornado.web import Application

from weighlock.adapters.approvals import Desk
from weighlock.console import api, events, metrics, pages
from weighlock.console.api import Verify
from weighlock.console.page import Ask, Site
from weighlock.console.site import authority
from weighlock.errors import ConfigError

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
                *api.routes(arguments, ask, site.visits if site else None),
                *(pages.routes(site, hosts) if site else []),
                *([(events.PATH, events.Events, {"deliver": deliver})] if deliver else []),
                *([(metrics.PATH, metrics.Metrics, {"read": read_metrics, "hosts": hosts})] if read_metrics else []),
            ],
            default_handler_class=api.Unknown,
            default_handler_args=arguments,
            log_function=lambda _: None,
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
