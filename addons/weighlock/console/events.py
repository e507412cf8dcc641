"""Where transmitters deliver security events (RFC 8935): POST /ssf/events.

The console listens on loopback; a reverse proxy adds TLS, and a public name. So `Host` is not checked here, as it is
for approvers. What holds instead: nothing is done but for who has a transmitter's bearer token and an event that it
signed, and no page in a browser has either.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from tornado.web import RequestHandler

from weighlock.errors import Refused
from weighlock.identity.events import Err, EventRefused
from weighlock.identity.transmitters import TYPE

Deliver = Callable[[str, str], Awaitable[None]]
"""Takes a bearer token and a SET; returns when what it says is durable. Raises EventRefused or Unavailable."""
PATH = "/ssf/events"


class Events(RequestHandler):
    def initialize(self, deliver: Deliver) -> None:
        self.deliver = deliver

    def set_default_headers(self) -> None:
        self.set_header("cache-control", "no-store")
        self.set_header("x-content-type-options", "nosniff")
        self.clear_header("server")
        self.clear_header("content-type")

    async def post(self) -> None:
        scheme, _, bearer = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            bearer = ""
        if self.request.headers.get("content-type", "").lower() != f"application/{TYPE}":
            raise EventRefused(Err.INVALID_REQUEST, "media-type", f"An event is application/{TYPE}.")
        await self.deliver(bearer.strip(), self.request.body.decode("latin-1"))
        self.set_status(HTTPStatus.ACCEPTED)

    def write_error(self, status_code: int, **given: Any) -> None:
        """Section 2.3 for an event that is refused; anything else is an HTTP error without a body."""
        error = given.get("exc_info", (None, None, None))[1]
        self.set_status(error.status if isinstance(error, Refused) else status_code)
        if isinstance(error, EventRefused):
            self.set_header("content-type", "application/json")
            self.set_header("content-language", "en")
            self.write(json.dumps({"err": error.err, "description": error.reason}))
        self.finish()

    def log_exception(self, *_: Any) -> None:
        """A request's text is nobody's to log."""
