"""What policy says of it."""

from __future__ import annotations

from mitmproxy import http

from weighlock.identity import workloads
from weighlock.model import Direction, Exchange, Verdict
from weighlock.policy.decide import decide
from weighlock.stages.stage import Stage, filled


class Decide(Stage):
    fills = "verdict"
    kind = Verdict

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Verdict:
        principal = filled(exchange.principal)
        workloads.check_model(exchange.rules.identity.workload(principal.workload), filled(exchange.call).model)
        return decide(
            exchange.rules.policy,
            principal,
            filled(exchange.call),
            filled(exchange.findings),
            Direction.REQUEST,
        )
