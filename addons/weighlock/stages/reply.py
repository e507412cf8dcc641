"""The way back: what the model host answers is read, inspected, decided and masked before the client sees any of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from mitmproxy import http

from weighlock import dialects
from weighlock.destination import RESERVED
from weighlock.dialects.base import Body
from weighlock.dialects.dialect import FRAMINGS, Operation, header_texts
from weighlock.errors import BadReply, Refused
from weighlock.masking import apply
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker, touched
from weighlock.model import Exchange, Headers, Text
from weighlock.stages import inject, tokenendpoint, weigh
from weighlock.stages.passage import Passage
from weighlock.stages.pump import Heartbeat, Pump
from weighlock.stages.stage import Parts, filled
from weighlock.wire import body


def is_stream(passage: Passage) -> bool:
    """Whether the reply is masked as it flows. Any other is read whole, within the size bound."""
    response = filled(passage.flow.response)
    coded = response.headers.get("content-encoding", "identity").lower() != "identity"
    asked = filled(passage.exchange.call).stream
    return asked and response.status_code == 200 and not coded and _media(passage) in operation(passage).streams


def _media(passage: Passage) -> str:
    media: str = filled(passage.flow.response).headers.get("content-type", "")
    return media.partition(";")[0].strip().lower()


def operation(passage: Passage) -> Operation:
    call = filled(passage.exchange.call)
    return dialects.named(call.dialect).named(call.operation)


def start_stream(parts: Parts, passage: Passage) -> Pump:
    """Set the response up to be written by a pump. The length is unknown from here on."""
    flow = passage.flow
    media, response = _media(passage), filled(flow.response)
    passage.framing = FRAMINGS[media]()
    shape, limit = operation(passage).streams[media](), parts.settings.body_limit
    kinds = filled(passage.exchange.destination).not_inspected
    masker = StreamMasker(passage.framing, shape, limit, kinds, weigh.early(parts, passage))

    async def weigh_these(texts: tuple[Text, ...]) -> Mapping[str, Sequence[Rewrite]]:
        async with asyncio.timeout(parts.settings.inspect_timeout * 6):
            return await weigh.weigh(parts, passage, texts)

    async def emit(data: bytes) -> bool:
        return await inject.emit(flow, data)

    sign, idle = passage.framing.heartbeat, parts.settings.heartbeat
    heartbeat = Heartbeat(sign, partial(asyncio.sleep, idle)) if sign and idle else None
    pump = Pump(masker, weigh_these, emit, limit, parts.elapsed(passage.exchange), heartbeat)
    headers = [*_kept(passage), ("content-type", f"{media}; charset=utf-8"), ("cache-control", "no-store")]
    if flow.client_conn.alpn != b"h2":
        headers.append(("transfer-encoding", "chunked"))
    response.headers = http.Headers([(name.encode(), value.encode()) for name, value in headers])
    response.stream = pump.feed
    response.http_version, response.reason = "HTTP/1.1", "OK"  # its own words are not passed on
    return pump


async def document(parts: Parts, passage: Passage) -> http.Response:
    """The buffered reply in its masked form; raises Refused where it cannot be read or may not be seen."""
    response = filled(passage.flow.response)
    if response.status_code == 401:
        raise _credential_refused(parts, passage.exchange)
    if not 200 <= response.status_code < 300 and not 400 <= response.status_code < 600:
        raise BadReply("reply-status", "The model host answered with a status that is neither success nor error.")
    if response.trailers:
        raise BadReply("reply-trailers", "The reply has trailers, which are not inspected.")
    plain = body.decode(
        response.raw_content or b"", response.headers.get("content-encoding"), parts.settings.body_limit
    )
    said = operation(passage).read_reply(plain, _media(passage))
    if any(one.kind not in filled(passage.exchange.destination).not_inspected for one in said.not_inspected):
        raise BadReply("reply-not-inspectable", "The reply holds images, audio or files, which are not inspected.")
    passage.reply_not_inspected = said.not_inspected
    own = own_headers(passage)
    rewrites = await weigh.weigh(parts, passage, (*said.texts, *header_texts(own)))
    by_pointer = {text.pointer: text for text in said.texts}
    masked = {pointer: apply.apply(by_pointer[pointer].value, found) for pointer, found in rewrites.items()}
    spelled = (touched(said.spelled.get(pointer, ()), found) for pointer, found in rewrites.items())
    dropped = set(said.dropped).union(*spelled)
    out = b"" if said.body is None else said.body.rewrite(masked).without(dropped).dumps()
    fields = [*_kept(passage), *own, *([("content-type", said.body.media)] if said.body else [])]
    return http.Response.make(response.status_code, out, [(n.encode(), v.encode()) for n, v in fields])


def _credential_refused(parts: Parts, exchange: Exchange) -> BadReply:
    """No client's credential goes on, so it is ours that was refused. A 401 would make the client look for its own."""
    renewed = parts.credentials.refused(filled(exchange.destination), filled(exchange.credential))
    return BadReply(
        "credential-refused",
        "The model host refused the gateway's own credential; yours is in order.",
        next_step="The next call is made with a new one."
        if renewed
        else "That is for the gateway's operator to renew.",
        retry=renewed,
    )


def refusal(passage: Passage, refused: Refused) -> http.Response:
    """The refusal as the caller's SDK expects an error."""
    if passage.exchange.destination is RESERVED:
        return tokenendpoint.refusal(refused, passage.exchange.id)
    headers, content = dialects.named(_dialect(passage)).refusal(refused, passage.exchange.id, _asked(passage))
    return http.Response.make(refused.status, content, [(n.encode(), v.encode()) for n, v in headers])


def error_frame(passage: Passage, refused: Refused) -> bytes:
    """What ends a stream so that the caller's SDK raises."""
    said = dialects.named(_dialect(passage)).says(refused, passage.exchange.id, _asked(passage))
    return filled(passage.framing).encode(operation(passage).error_frame(said))


def _asked(passage: Passage) -> Body | None:
    call = passage.exchange.call
    return call.body if call else None


def _dialect(passage: Passage) -> str:
    exchange = passage.exchange
    if exchange.call:
        return exchange.call.dialect
    return exchange.destination.dialects[0] if exchange.destination else "generic"


def own_headers(passage: Passage) -> Headers:
    """Those of the reply that the dialect lets pass, once they are inspected."""
    said = filled(passage.flow.response).headers.items(multi=True)
    return dialects.named(_dialect(passage)).passing(tuple(said))


async def pass_headers(parts: Parts, passage: Passage, own: Headers) -> None:
    """Put them into the head of a stream. Raises Refused where one may not be seen."""
    if own:
        await weigh.weigh(parts, passage, header_texts(own))
        for name, value in own:
            filled(passage.flow.response).headers.add(name, value)


def _kept(passage: Passage) -> Headers:
    """All that is taken over of the reply's header fields, and where to look the exchange up."""
    wait = filled(passage.flow.response).headers.get("retry-after", "")
    kept = [("retry-after", wait)] if wait.isascii() and wait.isdigit() and len(wait) <= 4 else []
    return (*kept, ("weighlock-exchange", passage.exchange.id))
