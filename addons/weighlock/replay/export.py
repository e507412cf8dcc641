"""The record as mitmproxy flows: one per exchange, readable by mitmweb, mitmproxy and `mitmdump -nr`.

Verdict, reason, principal and findings stand in the flow's comment and marker. A flow file is for looking at: nothing
in it is ever taken for a decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, BinaryIO

from mitmproxy import connection, flow, http
from mitmproxy.io import FlowWriter

from weighlock.errors import ConfigError, Malformed
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.seal import NotOpened
from weighlock.model import Headers
from weighlock.wire import message

Open = Callable[[Entry, str], bytes]
"""The plaintext of the payload of that name; raises NotOpened, or KeyError where it is not kept."""

Message = tuple[str, Headers, bytes]
"""Start line, header fields, body."""

WITHHELD = b"withheld: never forwarded"

_METHODS = frozenset({"CONNECT", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class View(StrEnum):
    """Which of the four recorded messages a flow is made of."""

    MASKED = "masked"
    """What was forwarded and what was delivered: nothing that was masked stands in it."""
    CLIENT = "client"
    """What the client sent and got."""
    UPSTREAM = "upstream"
    """What the model host got and sent."""


_MESSAGES = {
    View.MASKED: ("request.forwarded", "response.delivered"),
    View.CLIENT: ("request.sent", "response.delivered"),
    View.UPSTREAM: ("request.forwarded", "response.received"),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The entries of one exchange, oldest first."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def start(self) -> Mapping[str, Any]:
        return self.entries[0].body

    @property
    def workload(self) -> str:
        return str(self.start.get("who", {}).get("workload", ""))

    def holder(self, name: str) -> Entry | None:
        """The entry that has the payload *name*."""
        return next((entry for entry in self.entries if name in entry.payloads), None)


def exchanges(entries: Iterable[Entry], read: Callable[[int], Entry]) -> Iterator[Recorded]:
    """The exchanges among *entries*, in the order of their beginning. *read* gives an entry by its number, again."""
    seqs: dict[str, list[int]] = {}
    for entry in entries:
        if entry.kind in (Kind.REQUEST, Kind.REFUSAL, Kind.RESPONSE):
            seqs.setdefault(str(entry.body["exchange"]), []).append(entry.seq)
    for name, numbers in seqs.items():
        yield Recorded(name, tuple(map(read, numbers)))


def export(recorded: Iterable[Recorded], open_payload: Open, view: View, out: BinaryIO) -> int:
    """Write a flow for each exchange to *out*; how many. ConfigError where a payload cannot be opened."""
    writer, count = FlowWriter(out), 0
    for one in recorded:
        writer.add(to_flow(one, open_payload, view))
        count += 1
    return count


def to_flow(recorded: Recorded, open_payload: Open, view: View) -> http.HTTPFlow:
    request_name, response_name = _MESSAGES[view]
    began = _seconds(str(recorded.start["started_at"]))
    ended = _seconds(recorded.entries[-1].time)
    host, port = str(recorded.start.get("host", "unlisted.invalid")), int(recorded.start.get("port", 443))
    made = http.HTTPFlow(
        connection.Client(
            peername=_address(str(recorded.start["peer"])),
            sockname=("", 0),
            timestamp_start=began,
            state=connection.ConnectionState.CLOSED,
        ),
        connection.Server(address=(host, port), state=connection.ConnectionState.CLOSED),
    )
    made.id = recorded.id
    made.comment, made.marked = comment(recorded), marker(recorded)
    sent = _message(recorded, request_name, open_payload) or _withheld(recorded, open_payload)
    made.request = _request(sent, host, port, began)
    received = _message(recorded, response_name, open_payload)
    if received:
        made.response = _response(received, ended)
    else:
        made.error = flow.Error("no response is recorded", ended)
    return made


def comment(recorded: Recorded) -> str:
    """Why it went as it went, on one line, without plaintext."""
    because: list[str] = []
    entities: Counter[str] = Counter()
    for entry in recorded.entries:
        refused = entry.body.get("refused", {})
        if refused:
            because.append(f"{refused['code']}: {refused['reason']}")
        for name in (*refused.get("because", ()), *entry.body.get("verdict", {}).get("because", ())):
            if name not in because:
                because.append(name)
        entities.update(entry.body.get("entities", {}))
    who = recorded.start.get("who")
    parts = (
        _outcome(recorded),
        ", ".join(because),
        f"{who['workload']} of {who['owner']} as {who['subject']}" if who else "nobody identified",
        ", ".join(f"{entity} ×{count}" for entity, count in sorted(entities.items())),
    )
    return " · ".join(part for part in parts if part)


def marker(recorded: Recorded) -> str:
    return {"refused": ":no_entry:", "hold": ":hourglass:", "mask": ":lock:"}.get(
        _outcome(recorded), ":white_check_mark:"
    )


def _outcome(recorded: Recorded) -> str:
    if any("refused" in entry.body for entry in recorded.entries):
        return "refused"
    actions = {entry.body.get("verdict", {}).get("action") for entry in recorded.entries}
    return next((action for action in ("hold", "mask") if action in actions), "allow")


def _message(recorded: Recorded, name: str, open_payload: Open) -> Message | None:
    """The recorded message of that *name*; None where there was none."""
    entry = recorded.holder(name)
    if entry is None or not entry.payloads[name].size:
        return None
    try:
        return message.decode(open_payload(entry, name))
    except (NotOpened, Malformed, KeyError) as error:
        reason = "it is not kept" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"the payload {name} cannot be read: {reason}", f"entry {entry.seq}") from None


def _withheld(recorded: Recorded, open_payload: Open) -> Message:
    """In place of a request that may not be shown: nobody inspected it, or it was not let through."""
    sent = _message(recorded, "request.sent", open_payload)
    method = sent[0].partition(" ")[0] if sent else "CONNECT"  # without one, the tunnel itself was refused
    shown = method if method in _METHODS else "WITHHELD"
    return f"{shown} /withheld HTTP/1.1", (), WITHHELD


def _request(sent: Message, host: str, port: int, began: float) -> http.Request:
    start, headers, body = sent
    method, _, rest = start.partition(" ")
    path, _, version = rest.rpartition(" ")
    return http.Request(
        host=host,
        port=port,
        method=_line(method),
        scheme=b"https",
        authority=b"",
        path=_line(path),
        http_version=_line(version),
        headers=_fields(headers),
        content=body,
        trailers=None,
        timestamp_start=began,
        timestamp_end=began,
    )


def _response(received: Message, ended: float) -> http.Response:
    start, headers, body = received
    version, _, rest = start.partition(" ")
    status, _, reason = rest.partition(" ")
    return http.Response(
        http_version=_line(version),
        status_code=int(status),
        reason=_line(reason),
        headers=_fields(headers),
        content=body,
        trailers=None,
        timestamp_start=ended,
        timestamp_end=ended,
    )


def _line(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _fields(headers: Headers) -> http.Headers:
    return http.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _address(peer: str) -> tuple[str, int]:
    host, _, port = peer.rpartition(":")
    return (host, int(port)) if port else ("", 0)
