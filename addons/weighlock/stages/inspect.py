"""What is in it."""

from __future__ import annotations

from mitmproxy import http

from weighlock.model import Exchange, Finding
from weighlock.stages.stage import Stage, filled


class Inspect(Stage):
    fills = "findings"
    kind = tuple

    @property
    def limit(self) -> float:
        return self.parts.settings.inspect_timeout * 6

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> tuple[Finding, ...]:
        return await self.parts.pool.inspect(filled(exchange.call).texts, exchange.rules.detect)
