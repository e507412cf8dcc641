"""The messages of a recorded exchange, opened: what was asked and answered, as one of the parties saw it, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from weighlock.errors import ConfigError, Malformed
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.seal import NotOpened
from weighlock.model import Headers
from weighlock.replay.recorded import Recorded, seconds
from weighlock.wire import message, tape

Open = Callable[[Entry, str], bytes]
"""The plaintext of the payload of that name; raises NotOpened, or KeyError where it is not kept."""

WITHHELD = b"withheld: never forwarded"
NOT_KEPT = b"not kept: erased, or missing"
TIMING = "response.timing"
SWITCHED = 101
"""The status of a reply that opens a WebSocket."""

_METHODS = frozenset({"CONNECT", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class View(StrEnum):
    """Which of the recorded messages are shown."""

    MASKED = "masked"
    """What was forwarded and what was delivered: nothing that was masked stands in it."""
    CLIENT = "client"
    """What the client sent and got."""
    UPSTREAM = "upstream"
    """What the model host got and sent."""

    @property
    def asked(self) -> str:
        return "sent" if self is View.CLIENT else "forwarded"

    @property
    def answered(self) -> str:
        return "received" if self is View.UPSTREAM else "delivered"


@dataclass(frozen=True, slots=True)
class Message:
    start: str
    """Request line or status line."""
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a WebSocket."""

    at: float
    from_client: bool
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contents:
    request: Message
    response: Message | None
    pieces: tuple[tuple[int, bytes], ...] = field(repr=False)
    """The response's body as it came or left: milliseconds since the exchange began, and the bytes."""
    said: tuple[Said, ...] | None = None
    """Of a WebSocket, in order."""


def contents(recorded: Recorded, open_payload: Open, view: View) -> Contents:
    """ConfigError where a payload that is kept cannot be opened."""
    request = message_of(recorded, f"request.{view.asked}", open_payload) or _withheld(recorded, open_payload)
    response = message_of(recorded, f"response.{view.answered}", open_payload)
    if response is None:
        return Contents(request, None, ())
    pieces = _pieces(recorded, view, response, open_payload)
    if response.start.split(" ")[1] != str(SWITCHED):
        return Contents(request, response, pieces)
    name = f"message.{view.asked}"
    said = (
        *(Said(recorded.began + at / 1000, False, line.removesuffix(b"\n")) for at, line in pieces),
        *(
            Said(seconds(entry.time), True, _open(entry, name, open_payload) or NOT_KEPT)
            for entry in recorded.entries
            if entry.kind is Kind.MESSAGE
        ),
    )
    head = Message(response.start, response.headers, b"")
    return Contents(request, head, (), tuple(sorted(said, key=lambda one: one.at)))


def _pieces(recorded: Recorded, view: View, response: Message, open_payload: Open) -> tuple[tuple[int, bytes], ...]:
    """Of a stream as it passed. A document came whole, as its entry says when."""
    entry = recorded.holder(TIMING)
    timing = _open(entry, TIMING, open_payload) if entry else None
    if entry and timing and response.body != NOT_KEPT:
        try:
            return tuple(tape.cut(timing, view.answered, response.body))
        except Malformed as error:
            raise ConfigError(error.reason, f"entry {entry.seq}") from None
    whole = round((seconds(recorded.entries[-1].time) - recorded.began) * 1000)
    return ((whole, response.body),) if response.body else ()


def message_of(recorded: Recorded, name: str, open_payload: Open) -> Message | None:
    """The recorded message of that *name*; None where there was none."""
    entry = recorded.holder(name)
    if entry is None or not entry.payloads[name].size:
        return None
    data = _open(entry, name, open_payload)
    if data is None:
        status = entry.body.get("status") or entry.body.get("refused", {}).get("status", 0)
        start = f"HTTP/1.1 {status} " if name.startswith("response") else "POST /not-kept HTTP/1.1"
        return Message(start, (), NOT_KEPT)
    try:
        return Message(*message.decode(data))
    except Malformed as error:
        raise ConfigError(f"the payload {name} cannot be read: {error}", f"entry {entry.seq}") from None


def _open(entry: Entry, name: str, open_payload: Open) -> bytes | None:
    """None where it is not kept any more."""
    try:
        return open_payload(entry, name)
    except KeyError:
        return None
    except NotOpened as error:
        raise ConfigError(f"the payload {name} cannot be read: {error}", f"entry {entry.seq}") from None


def _withheld(recorded: Recorded, open_payload: Open) -> Message:
    """In place of a request that may not be shown: nobody inspected it, or it was not let through."""
    sent = message_of(recorded, "request.sent", open_payload)
    method = sent.start.partition(" ")[0] if sent else "CONNECT"  # without one, the tunnel itself was refused
    shown = method if method in _METHODS else "WITHHELD"
    return Message(f"{shown} /withheld HTTP/1.1", (), WITHHELD)
