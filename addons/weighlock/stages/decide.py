"""What policy says of it."""

from __future__ import annotations

from functools import partial

from mitmproxy import http

from weighlock.identity import workloads
from weighlock.model import Direction, Exchange, Verdict
from weighlock.policy.decide import decide
from weighlock.policy.tally import amount
from weighlock.stages.stage import Stage, filled


class Decide(Stage):
    fills = "verdict"
    kind = Verdict

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Verdict:
        principal, call, findings = filled(exchange.principal), filled(exchange.call), filled(exchange.findings)
        policy = exchange.rules.policy
        workloads.check_model(exchange.rules.identity.workload(principal.workload), call.model)
        asked = partial(amount, call.texts, findings, size=call.size, requests=1)
        counts = await self.parts.counters.count(exchange.id, policy, principal, asked)
        return decide(policy, principal, call, findings, Direction.REQUEST, counts)
