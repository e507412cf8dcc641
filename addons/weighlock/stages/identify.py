"""Who asks: every request, also the tenth in one tunnel."""

from __future__ import annotations

from mitmproxy import http

from weighlock.adapters.rulebook import IdentityRules
from weighlock.identity import carriers, keysearch, statickeys, workloads
from weighlock.identity.statickeys import StaticKeyPresented
from weighlock.model import Exchange, Principal
from weighlock.stages.stage import Stage, filled


class Identify(Stage):
    fills = "principal"
    kind = Principal
    at = "requestheaders"

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Principal:
        rules: IdentityRules = exchange.rules.identity
        authorization = self.parts.tunnels[flow.client_conn.id].authorization
        headers = tuple(flow.request.headers.items(multi=True))
        for key in keysearch.search(flow.request.path, headers, authorization, rules.is_opaque):
            digest = statickeys.fingerprint(key.value, self.parts.keys.fingerprint).digest
            self.parts.cutoffs.current().check_key(digest)
            raise StaticKeyPresented(key.value, key.place)
        token = carriers.find(headers, authorization, rules.is_opaque)
        principal = await self.parts.identifier.identify(token, rules)
        workloads.check_destination(rules.workload(principal.workload), filled(exchange.destination).name)
        return principal
