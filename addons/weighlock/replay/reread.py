"""The texts of a recorded exchange, opened and read again, so that other rules can look through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weighlock import dialects
from weighlock.destination import Destination
from weighlock.dialects import calls
from weighlock.dialects.dialect import FRAMINGS, header_texts
from weighlock.errors import ConfigError, Refused
from weighlock.ledger.entry import Kind
from weighlock.ledger.seal import NotOpened
from weighlock.masking.stream import StreamMasker
from weighlock.model import Call, Finding, Headers, Text
from weighlock.replay.contents import Open
from weighlock.replay.rejudge import Judged
from weighlock.wire import body, message

_SENT, _RECEIVED = "request.sent", "response.received"


class Rereader:
    """*inspect* finds what the draft's rules find. *limit* bounds a reply, in bytes, as the gateway does."""

    def __init__(
        self,
        open_payload: Open,
        inspect: Callable[[Sequence[Text]], Sequence[Finding]],
        destinations: Mapping[tuple[str, int], Destination],
        limit: int,
    ) -> None:
        self._open, self._inspect, self._limit = open_payload, inspect, limit
        self._destinations = {one.name: one for one in destinations.values()}

    def __call__(self, one: Judged) -> Judged | None:
        """None where it is not kept, or can no longer be read as it was. Messages of a WebSocket are judged with those
        before them, and not read again.
        """
        name = _RECEIVED if one.said.kind is Kind.RESPONSE else _SENT
        destination = self._destinations.get(one.call.destination)
        if one.said.kind is Kind.MESSAGE or name not in one.said.payloads or destination is None:
            return None
        try:
            start, headers, data = message.decode(self._open(one.said, name))
            if name == _SENT:
                method, target, _ = start.split(" ")
                call = calls.read(method, target, headers, data, destination)
                return replace(one, call=call, findings=self._inspect(call.texts))
            texts = self._replied(one.call, start, headers, data, destination)
            return replace(one, findings=self._inspect(texts))
        except NotOpened as error:
            raise ConfigError(f"the payload {name} cannot be read: {error}", f"entry {one.said.seq}") from None
        except (KeyError, ValueError, Refused):
            return None

    def _replied(
        self, call: Call, start: str, headers: Headers, data: bytes, destination: Destination
    ) -> tuple[Text, ...]:
        dialect = dialects.named(call.dialect)
        operation = dialect.named(call.operation)
        fields = {name.lower(): value for name, value in headers}
        media = fields.get("content-type", "").partition(";")[0].strip().lower()
        own = header_texts(dialect.passing(headers))
        if call.stream and media in operation.streams and start.split(" ")[1] == "200":
            masker = StreamMasker(FRAMINGS[media](), operation.streams[media](), self._limit, destination.not_inspected)
            texts = masker.feed(data)
            masker.release({})
            return (*own, *texts, *masker.finish())
        plain = body.decode(data, fields.get("content-encoding"), self._limit)
        return (*own, *operation.read_reply(plain, media).texts)
