"""GET /metrics, for a monitoring that scrapes it on this host. It tells counts alone, and asks for no token."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from tornado.web import HTTPError, RequestHandler

PATH, MEDIA = "/metrics", "text/plain; version=1.0.0; charset=utf-8"


class Metrics(RequestHandler):
    def initialize(self, read: Callable[[], bytes], hosts: frozenset[str]) -> None:
        self.read, self.hosts = read, hosts

    def get(self) -> None:
        self.clear_header("server")
        if self.request.headers.get("host") not in self.hosts:  # a page that rebinds its name to loopback
            raise HTTPError(HTTPStatus.FORBIDDEN)
        self.set_header("content-type", MEDIA)
        self.set_header("cache-control", "no-store")
        self.set_header("x-content-type-options", "nosniff")
        self.write(self.read())
