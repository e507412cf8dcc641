"""The one object that mitmproxy sees. It walks each exchange through the stages, in order, and refuses it at the first
that raises, hangs, or leaves its field empty.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy import connection, flow, http, tls
from mitmproxy.proxy import layer, layers, server_hooks

from weighlock.approval.binding import binding
from weighlock.errors import BadReply, Forbidden, Refused, Unavailable
from weighlock.model import Exchange
from weighlock.stages import inject, reply
from weighlock.stages.passage import Passage
from weighlock.stages.record import Recorder
from weighlock.stages.stage import Parts, Stage, filled
from weighlock.stages.tunnels import Tunnels

log = logging.getLogger("weighlock")

_LAYERS = (layers.HttpLayer, layers.ClientTLSLayer, layers.ServerTLSLayer)


def not_ready() -> Unavailable:
    return Unavailable("not-ready", "The gateway is starting or stopping.", next_step="Try again in a moment.")


def client_gone() -> Unavailable:
    return Unavailable("client-gone", "The connection ended.")


def failure() -> Unavailable:
    return Unavailable("gateway-failure", "The gateway could not judge this, so it went nowhere.")


class Chain:
    name = "weighlock"

    def __init__(self, parts: Parts, stages: Sequence[Stage]) -> None:
        self.ready = False
        self.parts = parts
        self.stages = stages
        self.recorder = Recorder(parts)
        self.passages: WeakKeyDictionary[flow.Flow, Passage] = WeakKeyDictionary()
        self._limit = parts.settings.inspect_timeout * 6
        self._tunnels = next(stage for stage in stages if isinstance(stage, Tunnels))
        self._tasks: set[asyncio.Task[None]] = set()

    # -- connections ------------------------------------------------------------------------------------------------

    def client_disconnected(self, client: connection.Client) -> None:
        self.parts.tunnels.pop(client.id, None)
        for passage in self._live():
            if passage.flow.client_conn.id == client.id:
                self.parts.desk.cancel(passage.exchange.id, client_gone())

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        passage = self._open(flow)
        try:
            self._require_ready()
            self.parts.tunnels[flow.client_conn.id] = self._tunnels.connect(flow)
        except Refused as refused:
            await self._refuse(passage, refused)
            # No client shows the body of a refused CONNECT; most show the reason phrase.
            filled(flow.response).reason = f"{refused.code}: {refused.reason}"
            passage.seal_response()

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        address = data.server.address
        if address is None or (address[0].lower(), address[1]) not in self.parts.rulebook.current.destinations:
            data.server.error = "refused: not a listed destination"

    # -- the request ------------------------------------------------------------------------------------------------

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        passage = self._open(flow)
        if flow.error is None:  # else mitmproxy found it invalid and refuses it itself
            await self._walk(passage, "requestheaders")

    async def request(self, flow: http.HTTPFlow) -> None:
        passage = self.passages[flow]
        if passage.refused:
            return
        await self._walk(passage, "request")

    async def _walk(self, passage: Passage, at: str) -> None:
        """Every stage of this hook, and the release behind the last one; refused at the first thing that is wrong."""
        exchange = passage.exchange
        try:
            self._require_ready()
            if at == "request":
                passage.sent = self.recorder.as_sent(passage.flow.request)
            for stage in self.stages:
                if stage.at != at:
                    continue
                async with asyncio.timeout(stage.limit):
                    value = await stage.fill(exchange, passage.flow)
                if not isinstance(value, stage.kind) or getattr(exchange, stage.fills) is not None:
                    raise Hollow(stage.fills)
                setattr(exchange, stage.fills, value)
            if at == "request":
                self._release(passage)
        except Refused as refused:
            await self._refuse(passage, refused)
        except Exception as error:
            log.error("refused: %s while filling in an exchange", type(error).__name__)
            await self._refuse(passage, failure())

    def _release(self, passage: Passage) -> None:
        """Put what was judged, and nothing else, in place of what was sent; then seal it."""
        exchange, request = passage.exchange, passage.flow.request
        outbound, release = filled(exchange.outbound), filled(exchange.release)
        destination, principal = filled(exchange.destination), filled(exchange.principal)
        filled(exchange.entry)
        self.recheck(passage)
        because = filled(exchange.verdict).because
        if binding(destination, outbound, principal.workload, because) != release.binding:
            raise Forbidden("binding-broken", "What would be sent is not what was judged.")
        request.method, request.path = outbound.method, outbound.path
        fields = (*outbound.headers, *filled(exchange.credential))
        if request.is_http2:
            fields = tuple((name, value) for name, value in fields if name != "host")
        request.headers = http.Headers([(name.encode(), value.encode()) for name, value in fields])
        request.trailers = None
        request.raw_content = outbound.body
        passage.seal_request()

    def recheck(self, passage: Passage) -> None:
        """Raise Refused when the principal was cut off meanwhile."""
        principal = passage.exchange.principal
        if principal:
            self.parts.identifier.recheck(principal, self.parts.cutoffs.current())

    # -- the response -----------------------------------------------------------------------------------------------

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        passage = self.passages[flow]
        response = filled(flow.response)
        response.stream = False
        if passage.refused:
            return
        if response.status_code == 101 or not passage.request_intact:
            passage.refused = BadReply("reply-upgrade", "The model host switched protocols.")
            flow.kill()  # a response set here would be followed by the upstream's body
            return
        if reply.is_stream(passage):
            passage.pump = reply.start_stream(self.parts, passage)
            self._spawn(self._end_stream(passage, passage.pump))

    async def response(self, flow: http.HTTPFlow) -> None:
        passage = self.passages[flow]
        if passage.refused and passage.pump is None:
            return
        received = b""
        try:
            received = self.recorder.as_received(passage)
            if passage.pump:
                passage.pump.close()
                await passage.pump.ended()
                received = self.recorder.as_received(passage)
            else:
                async with asyncio.timeout(self._limit):
                    masked = await reply.document(self.parts, passage)
                if not isinstance(masked, http.Response):
                    raise Hollow("response")
                flow.response = masked
            self.recheck(passage)
            await self.recorder.response(passage, received)
            passage.seal_response()
        except Refused as refused:
            await self._refuse_reply(passage, refused, received)
        except Exception as error:
            log.error("refused: %s while reading a reply", type(error).__name__)
            await self._refuse_reply(passage, failure(), received)

    async def _refuse_reply(self, passage: Passage, refused: Refused, received: bytes) -> None:
        passage.refused = passage.refused or refused
        flow_ = passage.flow
        if passage.pump:
            # Bytes are out: only an abnormal end keeps a client from taking them for the whole.
            flow_.error = flow.Error(flow.Error.KILLED_MESSAGE)
        else:
            flow_.response = reply.refusal(passage, refused)
            passage.seal_response()
        await self.recorder.response(passage, received, or_fail=False)

    async def _end_stream(self, passage: Passage, pump: Any) -> None:
        """Wait for the stream's end; where it is a refusal, say so in the caller's dialect and cut the stream."""
        try:
            await pump.ended()
        except Refused as refused:
            passage.refused = passage.refused or refused
        except Exception as error:
            log.error("stream ended: %s while masking", type(error).__name__)
            passage.refused = passage.refused or failure()
        if passage.refused:
            await inject.emit(passage.flow, reply.error_event(passage, passage.refused))
            await inject.end(passage.flow)

    async def error(self, flow: http.HTTPFlow) -> None:
        passage = self.passages.get(flow)
        if passage is None:
            return
        if passage.pump:
            passage.pump.fail(passage.refused or client_gone())
        self.parts.desk.cancel(passage.exchange.id, client_gone())
        await self.recorder.error(passage)

    # -- what is under way ------------------------------------------------------------------------------------------

    def cut_off(self) -> None:
        """Apply the cut-offs in force to all that is under way: held, streaming, or waiting for the model host."""
        for passage in self._live():
            try:
                self.recheck(passage)
            except Refused as refused:
                self._stop(passage, refused)

    async def drain(self) -> None:
        """End all that is under way. The chain takes nothing new by then."""
        for passage in self._live():
            self._stop(passage, not_ready())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def _stop(self, passage: Passage, refused: Refused) -> None:
        self.parts.desk.cancel(passage.exchange.id, refused)
        if passage.pump:
            passage.pump.fail(refused)
        elif passage.request_seal:
            passage.refused = passage.refused or refused
            self._spawn(inject.end(passage.flow))

    # -- what the belt asks -----------------------------------------------------------------------------------------

    def cleared(self, hook: str, data: Any) -> bool:
        """Whether what is about to happen is what this chain judged, after every other addon had its turn."""
        match hook:
            case "tls_clienthello":
                hello: tls.ClientHelloData = data
                return not hello.ignore_connection and not hello.establish_server_tls_first
            case "next_layer":
                chosen: layer.NextLayer = data
                return chosen.layer is None or isinstance(chosen.layer, _LAYERS)
            case "server_connect":
                connect: server_hooks.ServerConnectionHookData = data
                return connect.server.error is not None or self._listed(connect.server)
            case "http_connect" | "requestheaders" | "request" | "responseheaders" | "response":
                passage = self.passages.get(data)
                return passage is not None and self._flow_cleared(hook, passage)
            case _:
                return True

    def _listed(self, server: connection.Server) -> bool:
        address = server.address
        listed = self.parts.rulebook.current.destinations
        return server.via is None and address is not None and (address[0].lower(), address[1]) in listed

    def _flow_cleared(self, hook: str, passage: Passage) -> bool:
        flow_ = passage.flow
        if flow_.request.stream:
            return False
        if hook in ("responseheaders", "response") and flow_.error and flow_.error.msg == flow.Error.KILLED_MESSAGE:
            return True  # mitmproxy ends it
        if passage.refused and passage.pump is None:
            return passage.response_intact and not flow_.response.stream if flow_.response else False
        match hook:
            case "http_connect":
                return flow_.response is None and flow_.client_conn.id in self.parts.tunnels
            case "requestheaders":
                return flow_.error is not None or (flow_.response is None and passage.exchange.principal is not None)
            case "request":
                return flow_.response is None and passage.request_intact
            case "responseheaders":
                return filled(flow_.response).stream in (False, passage.pump and passage.pump.feed)
            case _:
                return passage.closed and (passage.pump is not None or passage.response_intact)

    def failed(self, hook: str, data: Any) -> bool:
        match hook:
            case "client_connected":
                data.error = "refused"
            case "server_connect":
                data.server.error = "refused"
            case "client_disconnected" | "error" | "server_disconnected" | "server_connect_error":
                pass
            case "http_connect" | "requestheaders" | "request" | "response":
                passage = self.passages.get(data)
                if passage is None or passage.pump or data.request.stream:
                    return False
                passage.refused = passage.refused or failure()
                data.response = reply.refusal(passage, failure())
                passage.seal_response()
            case _:
                return False
        return True

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _open(self, flow_: http.HTTPFlow) -> Passage:
        flow_.metadata.clear()
        flow_.request.stream = False
        peer = flow_.client_conn.peername
        exchange = Exchange(
            id=uuid.uuid4().hex,
            started_at=self.parts.clock(),
            peer=f"{peer[0]}:{peer[1]}" if peer else "",
            rules=self.parts.rulebook.current,
        )
        self.passages[flow_] = passage = Passage(exchange, flow_)
        return passage

    def _live(self) -> list[Passage]:
        return [passage for passage in list(self.passages.values()) if passage.flow.live and not passage.closed]

    def _require_ready(self) -> None:
        if not self.ready:
            raise not_ready()

    async def _refuse(self, passage: Passage, refused: Refused) -> None:
        passage.refused = refused
        passage.flow.response = reply.refusal(passage, refused)
        passage.seal_response()
        await self.recorder.refusal(passage)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Hollow(Exception):
    """A stage that returned nothing, or what is not of its kind, or filled a field that was filled already."""
