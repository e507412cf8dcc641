"""One exchange on its way through mitmproxy: the dossier, the flow, and the seals on what was cleared."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from mitmproxy import http

from weighlock.errors import Refused
from weighlock.model import Exchange, Finding, NotInspected, Verdict
from weighlock.stages.channel import Socket
from weighlock.stages.pump import Pump
from weighlock.wire.framing import Framing


@dataclass(eq=False, slots=True)
class Passage:
    exchange: Exchange
    flow: http.HTTPFlow
    refused: Refused | None = None
    request_seal: bytes = b""
    """Of the request that may leave; empty while none may."""
    response_seal: bytes = b""
    """Of the response that may be delivered; empty while none may."""
    answered: bool = False
    """Whether the gateway's own endpoint is what was asked, and has answered."""
    pump: Pump | None = None
    framing: Framing | None = None
    """Of the pump's stream."""
    socket: Socket | None = None
    websocket_key: str = field(default="", repr=False)
    """Of the client's handshake."""
    reply_findings: tuple[Finding, ...] = ()
    reply_not_inspected: tuple[NotInspected, ...] = ()
    restored: Counter[str] = field(default_factory=Counter)
    """By entity: pseudonyms that became what they stand for again."""
    reply_verdict: Verdict | None = None
    reply_counted: int = 0
    """Bytes of the reply that the counters know of."""
    closed: bool = False
    """Whether the last entry of this exchange is written."""

    @property
    def own_response(self) -> bool:
        """Whether the response is the gateway's own, and none of a model host's."""
        return (self.refused is not None or self.answered) and self.pump is None

    @property
    def reply_size(self) -> int:
        """Bytes of the reply that have come."""
        if self.socket:
            return self.socket.reply_size
        if self.pump:
            return len(self.pump.received.data)
        return len((self.flow.response and self.flow.response.raw_content) or b"")

    def seal_request(self) -> None:
        self.request_seal = seal(self.flow.request)

    def seal_response(self) -> None:
        self.response_seal = seal(self.flow.response)

    @property
    def request_intact(self) -> bool:
        return bool(self.request_seal) and self.request_seal == seal(self.flow.request)

    @property
    def response_intact(self) -> bool:
        return bool(self.response_seal) and self.response_seal == seal(self.flow.response)


def seal(message: http.Request | http.Response | None) -> bytes:
    """SHA-256 over everything of *message* that can reach the wire; empty for none."""
    if message is None:
        return b""
    start: tuple[str, ...]
    if isinstance(message, http.Request):
        start = (message.method, message.scheme, message.host, str(message.port), message.authority, message.path)
    else:
        start = (str(message.status_code), message.reason)
    digest = hashlib.sha256()
    trailers = message.trailers.fields if message.trailers else ()
    for part in (
        *(word.encode("utf-8", "surrogateescape") for word in start),
        *(part for pair in message.headers.fields for part in pair),
        b"trailers",
        *(part for pair in trailers for part in pair),
        message.raw_content or b"",
    ):
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()
