"""Who asks: every request, also the tenth in one tunnel."""

from __future__ import annotations

from mitmproxy import http

from weighlock.identity import carriers
from weighlock.model import Exchange, Principal
from weighlock.stages.stage import Stage


class Identify(Stage):
    fills = "principal"
    kind = Principal
    at = "requestheaders"

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Principal:
        tunnel = self.parts.tunnels[flow.client_conn.id]
        token = carriers.find(tuple(flow.request.headers.items(multi=True)), tunnel.authorization)
        return await self.parts.identifier.identify(token, exchange.rules.identity, self.parts.cutoffs.current())
