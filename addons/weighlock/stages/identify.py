"""Who asks: every request, also the tenth in one tunnel."""

from __future__ import annotations

from mitmproxy import http

from weighlock.adapters.rulebook import IdentityRules
from weighlock.identity import carriers, workloads
from weighlock.model import Exchange, Principal
from weighlock.stages.stage import Stage, filled


class Identify(Stage):
    fills = "principal"
    kind = Principal
    at = "requestheaders"

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Principal:
        rules: IdentityRules = exchange.rules.identity
        tunnel = self.parts.tunnels[flow.client_conn.id]
        token = carriers.find(tuple(flow.request.headers.items(multi=True)), tunnel.authorization, rules.is_opaque)
        principal = await self.parts.identifier.identify(token, rules)
        workloads.check_destination(rules.workload(principal.workload), filled(exchange.destination).name)
        return principal
