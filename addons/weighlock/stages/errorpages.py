"""mitmproxy's own error pages, as JSON that SDKs show, and without its messages: those may quote what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp

_REASONS = {
    400: ("request-invalid", "This is not HTTP that everybody reads the same way.", ""),
    413: ("body-too-large", "The body is over the gateway's limit.", "Send less, or ask for a higher body_limit."),
    502: ("host-unreachable", "The model host could not be reached, or broke off.", "The gateway's log has the cause."),
    504: ("host-timeout", "The model host did not answer in time.", "Try again later."),
}


def page(status_code: int, message: str) -> bytes:
    """One body with RFC 9457 members and OpenAI's `error`; *message* is not used."""
    code, reason, next_step = _REASONS.get(status_code, ("connection-failed", "The connection failed.", ""))
    text = f"{reason} {next_step}".strip()
    return json.dumps(
        {
            "type": f"urn:weighlock:{code}",
            "title": code,
            "status": status_code,
            "detail": text,
            "error": {"message": f"weighlock: {text}", "type": "weighlock_refusal", "code": code, "param": None},
        }
    ).encode()


def _response(status_code: int, message: str = "") -> bytes:
    headers = http.Headers(connection="close", content_type="application/problem+json")
    raw: bytes = http1.assemble_response(http.Response.make(status_code, page(status_code, message), headers))
    return raw


def install() -> None:
    """For the life of the process."""
    _http1.make_error_response = _response
    stock = _http1.Http1Connection.read_body

    def read_body(self: Any, event: events.Event) -> Iterator[commands.Command]:
        try:
            yield from stock(self, event)
        except NotImplementedError:  # trailers; mitmproxy would leave both sides waiting
            if isinstance(self, _http1.Http1Server):
                yield commands.SendData(self.conn, _response(400))
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(
                self.ReceiveProtocolError(self.stream_id, "trailers", code=self.ReceiveProtocolError.code)
            )
            self.state = self.done

    _http1.Http1Connection.read_body = read_body  # type: ignore[method-assign, assignment]
    _http2.format_error = page  # type: ignore[attr-defined]
