"""The one object that mitmproxy sees. It walks each exchange through the stages, in order, and refuses it at the first
that raises, hangs, or leaves its field empty.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence

from mitmproxy import connection, http
from mitmproxy.proxy import server_hooks

from weighlock.adapters.rulebook import NONE
from weighlock.destination import RESERVED
from weighlock.errors import Refused
from weighlock.identity.tokenendpoints import TokenEndpoint, is_token_endpoint
from weighlock.model import Exchange, Principal
from weighlock.stages import inject, ownhost, reply
from weighlock.stages.channel import Socket
from weighlock.stages.homeward import Homeward
from weighlock.stages.passage import Passage
from weighlock.stages.record import Recorder
from weighlock.stages.refusals import Hollow, client_gone, failure, no_rules, not_ready, too_large
from weighlock.stages.release import release
from weighlock.stages.stage import Parts, Stage, filled
from weighlock.stages.tasks import Tasks, being_cancelled
from weighlock.stages.tunnels import Tunnels

log = logging.getLogger("weighlock")

GRACE = 60.0
"""Seconds for which the passages of a connection that is gone are kept."""


class Chain:
    name = "weighlock"

    def __init__(self, parts: Parts, stages: Sequence[Stage]) -> None:
        self.ready = False
        self.parts = parts
        self.stages = stages
        self.recorder = Recorder(parts)
        self.passages: dict[str, Passage] = {}
        """By the flow's id, until its last hook."""
        self._tunnels = next(stage for stage in stages if isinstance(stage, Tunnels))
        self._tasks = Tasks()
        self._homeward = Homeward(parts, self.recorder, self.recheck, self._tasks)

    # -- connections ------------------------------------------------------------------------------------------------

    def client_disconnected(self, client: connection.Client) -> None:
        self.parts.tunnels.pop(client.id, None)
        for id, passage in list(self.passages.items()):
            if passage.flow.client_conn.id == client.id:
                self.parts.desk.leave(passage.exchange.id, client_gone())
                # Its last hooks may still come, and record what became of it; an aborted connection has none.
                asyncio.get_running_loop().call_later(GRACE, self._forget, id)

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        passage = self._open(flow)
        try:
            self._require_ready(passage)
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
        passage = self.passages[flow.id]
        if passage.refused:
            return
        await self._walk(passage, "request")

    async def _walk(self, passage: Passage, at: str) -> None:
        """Every stage of this hook, and the release behind the last one; refused at the first thing that is wrong."""
        exchange = passage.exchange
        try:
            self._require_ready(passage)
            if exchange.destination is RESERVED:
                await ownhost.answer(self.parts, self.recorder, passage, self.recheck)
                return
            closed = is_token_endpoint(passage.flow.request.path)
            if at == "request":
                asyncio.get_running_loop().call_soon(self.recorder.note, passage)  # while others look into it
                if closed:
                    raise TokenEndpoint
            for stage in self.stages:
                if stage.at != at:
                    continue
                async with asyncio.timeout(stage.limit):
                    value = await stage.fill(exchange, passage.flow)
                if not isinstance(value, stage.kind) or getattr(exchange, stage.fills) is not None:
                    raise Hollow(stage.fills)
                setattr(exchange, stage.fills, value)
                if exchange.destination is RESERVED or closed:
                    return  # to be answered, or to be refused with all that its body holds
            self.recheck(passage)
            if at == "request":
                release(passage)
        except Refused as refused:
            await self._refuse(passage, refused)
        except (Exception, asyncio.CancelledError) as error:
            if being_cancelled():
                raise
            log.error("refused: %s while filling in an exchange", type(error).__name__)
            await self._refuse(passage, failure())

    def recheck(self, passage: Passage) -> None:
        """Raise Refused when the principal may not call, by the cut-offs and the rules of now."""
        if passage.exchange.principal:
            self._check(passage.exchange.principal)

    def may_call(self, principal: Principal) -> bool:
        try:
            self._check(principal)
        except Refused:
            return False
        return True

    def _check(self, principal: Principal) -> None:
        rules = self.parts.rulebook.current.identity
        self.parts.identifier.check(principal, rules, self.parts.cutoffs.current())

    # -- the response -----------------------------------------------------------------------------------------------

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        await self._homeward.head(self.passages[flow.id])

    async def response(self, flow: http.HTTPFlow) -> None:
        await self._homeward.whole(self.passages[flow.id])

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        passage = self.passages[flow.id]
        await filled(passage.socket).take(filled(flow.websocket).messages[-1])

    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        passage = self.passages[flow.id]
        await self.recorder.response(passage, self.recorder.as_received(passage), or_fail=False)

    async def error(self, flow: http.HTTPFlow) -> None:
        passage = self.passages.pop(flow.id, None)
        if passage is None:
            return
        if passage.pump and not passage.pump.settled:
            passage.pump.fail(passage.refused or client_gone())
        elif passage.pump:
            passage.pump.close()
        self.parts.counters.drop(passage.exchange.id)
        self.parts.desk.leave(passage.exchange.id, client_gone())
        if flow.error and "body_size_limit" in flow.error.msg:
            passage.refused = passage.refused or too_large(reply=passage.exchange.entry is not None)
        await self.recorder.error(passage)

    # -- what is under way ------------------------------------------------------------------------------------------

    def cut_off(self) -> None:
        """Apply the cut-offs and rules in force to all under way: held, streaming, or waiting for the model host."""
        for passage in self._live():
            try:
                self.recheck(passage)
            except Refused as refused:
                self.parts.desk.cancel(passage.exchange.id, refused)
                self._stop(passage, refused)
        self._tasks.start(self.parts.desk.recheck(self.may_call))

    async def drain(self) -> None:
        """End all that is under way. The chain takes nothing new by then."""
        for passage in self._live():
            self._stop(passage, not_ready())
        await self._tasks.drain(5)

    def _stop(self, passage: Passage, refused: Refused) -> None:
        self.parts.desk.leave(passage.exchange.id, refused)
        if passage.socket:
            passage.socket.refuse(refused)
            self._tasks.start(inject.hang_up(passage.flow))
        elif passage.pump:
            passage.pump.fail(refused)
        elif passage.request_seal:
            passage.refused = passage.refused or refused
            self._tasks.start(inject.end(passage.flow))

    def socket(self, flow: http.HTTPFlow) -> Socket | None:
        """Of a WebSocket that was let in."""
        passage = self.passages.get(flow.id)
        return passage.socket if passage else None

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
        self.passages[flow_.id] = passage = Passage(exchange, flow_)
        return passage

    def _forget(self, id: str) -> None:
        if passage := self.passages.pop(id, None):
            self.parts.counters.drop(passage.exchange.id)

    def _live(self) -> list[Passage]:
        return [passage for passage in list(self.passages.values()) if passage.flow.live and not passage.closed]

    def _require_ready(self, passage: Passage) -> None:
        if not self.ready:
            raise not_ready()
        if passage.exchange.rules is NONE:
            raise no_rules()

    async def _refuse(self, passage: Passage, refused: Refused) -> None:
        passage.refused = refused
        self.parts.counters.drop(passage.exchange.id)
        passage.flow.response = reply.refusal(passage, refused)
        passage.seal_response()
        await self.recorder.refusal(passage)
