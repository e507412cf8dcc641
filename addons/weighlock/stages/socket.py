"""Both directions of one WebSocket: each message is read, inspected, judged, masked and recorded before it goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from mitmproxy.websocket import WebSocketMessage

from weighlock import dialects
from weighlock.adapters.stores.ledger import Draft
from weighlock.dialects.dialect import Operation
from weighlock.errors import Refused, TooLarge, Unsupported
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.masking import apply
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Action, Direction, Finding, NotInspected, Text, Verdict
from weighlock.policy.decide import alone, decide
from weighlock.policy.tally import amount
from weighlock.stages import weigh
from weighlock.stages.mask import blocked
from weighlock.stages.passage import Passage
from weighlock.stages.refusals import failure
from weighlock.stages.stage import Parts, filled
from weighlock.wire.messages import Messages
from weighlock.wire.tape import Tape

log = logging.getLogger("weighlock")


class Socket:
    """A stages.channel.Socket. It takes one message at a time."""

    def __init__(self, parts: Parts, passage: Passage, operation: Operation) -> None:
        self.over = False
        elapsed = parts.elapsed(passage.exchange)
        self.received, self.delivered = Tape(elapsed), Tape(elapsed)
        shapes = filled(operation.socket)
        media = filled(passage.exchange.destination).not_inspected
        limit = parts.settings.body_limit
        self._parts, self._passage, self._error_frame = parts, passage, operation.error_frame
        self._outward = StreamMasker(Messages(), shapes[0](), limit, media)
        self._homeward = StreamMasker(Messages(), shapes[1](), limit, media)
        self._out: list[tuple[bool, bytes]] = []
        self._size = 0
        self.reply_size = 0
        self._findings: tuple[Finding, ...] = ()

    def out(self) -> list[tuple[bool, bytes]]:
        out, self._out = self._out, []
        return out

    async def take(self, message: WebSocketMessage) -> None:
        """Judge *message*; what may leave is in `out`. After a refusal nothing does."""
        if self.over:
            return
        try:
            self._bounded(message)
            async with asyncio.timeout(self._parts.settings.inspect_timeout * 6):
                await (self._from_client if message.from_client else self._from_server)(message.content)
        except Refused as refused:
            self.refuse(refused)
        except Exception as error:
            log.error("refused: %s while reading a message", type(error).__name__)
            self.refuse(failure())

    def refuse(self, refused: Refused) -> None:
        """Tell the client in its dialect, and let nothing pass any more."""
        if self.over:
            return
        self.over = True
        self._passage.refused = self._passage.refused or refused
        dialect = dialects.named(filled(self._passage.exchange.call).dialect)
        frame = self._error_frame(dialect.says(refused, self._passage.exchange.id))
        self._out = [(True, frame.data.encode())]
        self.delivered.add_line(frame.data.encode())

    @property
    def not_inspected(self) -> Sequence[NotInspected]:
        return self._homeward.not_inspected

    def _bounded(self, message: WebSocketMessage) -> None:
        if not message.is_text:
            raise Unsupported("websocket-binary", "Binary messages are not inspected.")
        self._size += len(message.content)
        if self._size > self._parts.settings.body_limit:
            raise TooLarge("socket-too-large", f"The messages are over {self._parts.settings.body_limit} bytes.")

    async def _from_client(self, content: bytes) -> None:
        texts = self._outward.feed(content)
        with self._parts.counters.trying(self._passage.exchange.id):
            findings, verdict, rewrites = await self._weigh(texts, len(content))
        self._parts.require_anchors()
        await self._parts.counters.keep(self._passage.exchange.id)
        seen = len(self._outward.not_inspected)
        frames = self._outward.release(rewrites)
        body = entry.message_body(self._passage.exchange, findings, verdict, self._outward.not_inspected[seen:])
        for frame in frames:
            payloads = {"message.sent": content, "message.forwarded": frame}
            await self._parts.ledger.append(Draft(Kind.MESSAGE, body, payloads))
            self._out.append((False, frame))

    async def _weigh(
        self, texts: tuple[Text, ...], size: int
    ) -> tuple[tuple[Finding, ...], Verdict, Mapping[str, Sequence[Rewrite]]]:
        """As for a request as long as all messages so far; but nobody can wait in a socket for an approval, so a
        hold is a refusal.
        """
        exchange = self._passage.exchange
        policy, principal = exchange.rules.policy, filled(exchange.principal)
        call = replace(filled(exchange.call), size=self._size)
        findings = await self._parts.pool.inspect(texts, exchange.rules.detect)
        self._findings += findings
        if len(self._findings) > weigh.FLOWING:
            raise TooLarge("socket-findings", f"More than {weigh.FLOWING} findings in one socket.")
        asked = partial(amount, texts, findings, size=size, requests=1)
        counts = await self._parts.counters.count(exchange.id, policy, principal, asked)
        verdict = decide(policy, principal, call, self._findings, Direction.REQUEST, counts)
        if verdict.action >= Action.HOLD:
            raise blocked(verdict)
        masked = partial(alone, policy, principal, call, direction=Direction.REQUEST, counts=counts)
        if any(finding.entity in verdict.operators and masked(finding) is None for finding in findings):
            raise blocked(
                replace(verdict, reason="What counts over several messages cannot be masked in each of them.")
            )
        run = self._parts.operators(principal, verdict)
        rewrites = {text.pointer: apply.rewrites(text, findings, masked, run) for text in texts}
        return findings, verdict, {pointer: found for pointer, found in rewrites.items() if found}

    async def _from_server(self, content: bytes) -> None:
        self.received.add_line(content)
        self.reply_size += len(content)
        texts = self._homeward.feed(content)
        rewrites = await weigh.weigh(self._parts, self._passage, texts) if texts else {}
        for frame in self._homeward.release(rewrites):
            self.delivered.add_line(frame)
            self._out.append((True, frame))
