"""What was judged, and nothing else, is put in place of what was sent, and sealed."""

from __future__ import annotations

from mitmproxy import http

from weighlock.approval.binding import binding
from weighlock.errors import Forbidden
from weighlock.stages.passage import Passage
from weighlock.stages.stage import filled


def release(passage: Passage) -> None:
    """Raises Forbidden where what would be sent is not what was judged."""
    exchange, request = passage.exchange, passage.flow.request
    outbound, release = filled(exchange.outbound), filled(exchange.release)
    destination, principal = filled(exchange.destination), filled(exchange.principal)
    filled(exchange.entry)
    because, model = filled(exchange.verdict).because, filled(exchange.call).model
    if binding(destination, outbound, model, principal.workload, because) != release.binding:
        raise Forbidden("binding-broken", "What would be sent is not what was judged.")
    passage.websocket_key = request.headers.get("sec-websocket-key", "")
    request.method, request.path = outbound.method, outbound.path
    fields = (*outbound.headers, *filled(exchange.credential))
    if request.is_http2:
        fields = tuple((name, value) for name, value in fields if name != "host")
    request.headers = http.Headers([(name.encode(), value.encode()) for name, value in fields])
    request.trailers = None
    request.raw_content = outbound.body
    passage.seal_request()
