"""The gateway's own credential for the model host. The client's are never among what goes on."""

from __future__ import annotations

from mitmproxy import http

from weighlock.adapters.credentials import cache
from weighlock.model import Exchange, Headers
from weighlock.stages.stage import Stage, filled


class Broker(Stage):
    fills = "credential"
    kind = tuple

    @property
    def limit(self) -> float:
        return cache.TIMEOUT + 1  # it says itself what was too slow

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Headers:
        return await self.parts.credentials.header(filled(exchange.destination))
