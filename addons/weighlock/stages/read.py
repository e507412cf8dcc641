"""What it says, in the words of its API: every string that could leave, each with its place."""

from __future__ import annotations

from mitmproxy import http

from weighlock.dialects import calls
from weighlock.dialects.base import RequestView
from weighlock.errors import Unsupported
from weighlock.model import Call, Exchange
from weighlock.stages.stage import Stage, filled
from weighlock.wire import body


class Read(Stage):
    fills = "call"
    kind = Call

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Call:
        request = flow.request
        body.plain(request.headers.get("content-type"), request.headers.get("content-encoding"))
        if request.trailers:
            raise Unsupported("trailers", "Trailers are not inspected.")
        headers = tuple(request.headers.items(multi=True))
        content = request.raw_content or b""
        return calls.read(request.method, request.path, headers, content, filled(exchange.destination))


def view_of(request: http.Request, more: str = "") -> RequestView:
    """*more* is a regular expression of further header fields that go on."""
    headers = tuple(request.headers.items(multi=True))
    return calls.view_of(request.method, request.path, headers, request.raw_content or b"", more)
