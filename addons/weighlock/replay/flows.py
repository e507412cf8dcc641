"""The record as mitmproxy flows: one per exchange, readable by mitmweb, mitmproxy and `mitmdump -nr`.

Verdict, reason, principal and findings stand in the flow's comment, marker and metadata. A flow is for looking at:
nothing in it is ever taken for a decision.
"""

from __future__ import annotations

from mitmproxy import connection, flow, http, websocket
from wsproto.frame_protocol import Opcode

from weighlock.model import Headers
from weighlock.replay.contents import Contents, Message, Open, View, contents
from weighlock.replay.recorded import Recorded, comment, facts, marker, seconds

METADATA = "weighlock"


def to_flow(recorded: Recorded, open_payload: Open, view: View) -> http.HTTPFlow:
    """ConfigError where a payload cannot be opened."""
    opened = contents(recorded, open_payload, view)
    began, ended = recorded.began, seconds(recorded.entries[-1].time)
    start = recorded.start.body
    host, port = str(start.get("host", "unlisted.invalid")), int(start.get("port", 443))
    made = http.HTTPFlow(
        connection.Client(
            peername=_address(str(start["peer"])),
            sockname=("", 0),
            timestamp_start=began,
            state=connection.ConnectionState.CLOSED,
        ),
        connection.Server(address=(host, port), state=connection.ConnectionState.CLOSED),
    )
    made.id = recorded.id
    made.timestamp_created = began
    made.comment, made.marked = comment(recorded), marker(recorded)
    made.metadata[METADATA] = facts(recorded) | {"pieces": [[at, len(data)] for at, data in opened.pieces]}
    made.request = _request(opened.request, host, port, began)
    if opened.response:
        made.response = _response(opened.response, opened, began)
    else:
        made.error = flow.Error("no response is recorded", ended)
    if opened.said is not None:
        messages = [websocket.WebSocketMessage(Opcode.TEXT, one.from_client, one.text, one.at) for one in opened.said]
        made.websocket = websocket.WebSocketData(messages=messages, timestamp_end=ended)
    return made


def _request(sent: Message, host: str, port: int, began: float) -> http.Request:
    method, _, rest = sent.start.partition(" ")
    path, _, version = rest.rpartition(" ")
    return http.Request(
        host=host,
        port=port,
        method=_line(method),
        scheme=b"https",
        authority=b"",
        path=_line(path),
        http_version=_line(version),
        headers=_fields(sent.headers),
        content=sent.body,
        trailers=None,
        timestamp_start=began,
        timestamp_end=began,
    )


def _response(received: Message, opened: Contents, began: float) -> http.Response:
    version, _, rest = received.start.partition(" ")
    status, _, reason = rest.partition(" ")
    times = [at for at, _ in opened.pieces] or [0]
    return http.Response(
        http_version=_line(version),
        status_code=int(status),
        reason=_line(reason),
        headers=_fields(received.headers),
        content=received.body,
        trailers=None,
        timestamp_start=began + times[0] / 1000,
        timestamp_end=began + times[-1] / 1000,
    )


def _line(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _fields(headers: Headers) -> http.Headers:
    return http.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


def _address(peer: str) -> tuple[str, int]:
    host, _, port = peer.rpartition(":")
    return (host, int(port)) if port else ("", 0)
