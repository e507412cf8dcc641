"""In a rehearsal the record answers: a stage in the broker's place finds how, and no connection goes elsewhere."""

from __future__ import annotations

from typing import Any, Protocol

from mitmproxy import http
from mitmproxy.proxy import server_hooks

from weighlock.destination import Destination
from weighlock.errors import Forbidden
from weighlock.model import Exchange, Headers, Outbound
from weighlock.stages.chain import Chain
from weighlock.stages.gate import Gate
from weighlock.stages.stage import Parts, Stage, filled


class Answers(Protocol):
    async def ticket(self, workload: str, destination: Destination, outbound: Outbound) -> str | None:
        """What the answer to *outbound* can be fetched with, once; None where none is known."""


class Rehearse(Stage):
    """Fills in, for a credential, what the answer is fetched with, as the header field *name*."""

    fills = "credential"
    kind = tuple

    def __init__(self, parts: Parts, answers: Answers, name: str) -> None:
        super().__init__(parts)
        self._answers, self._name = answers, name

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Headers:
        workload, destination = filled(exchange.principal).workload, filled(exchange.destination)
        ticket = await self._answers.ticket(workload, destination, filled(exchange.outbound))
        if ticket is None:
            raise Forbidden(
                "not-recorded",
                "This is a rehearsal, and the record holds no answer to this request of this workload.",
                next_step="Send what was sent when it was recorded, or record it first.",
            )
        return ((self._name, ticket),)


class Detour(Gate):
    """Every connection that is in order goes to the record instead. The last to be asked, so nothing undoes it."""

    def __init__(self, chain: Chain, instead: tuple[str, int]) -> None:
        super().__init__(chain)
        self._instead = instead

    def cleared(self, hook: str, data: Any) -> bool:
        cleared = super().cleared(hook, data)
        if hook == "server_connect":
            connect: server_hooks.ServerConnectionHookData = data
            connect.server.address = self._instead
        return cleared
