"""Which approvals moved, as it happens."""

from __future__ import annotations

import contextlib
import json

from tornado.iostream import StreamClosedError

from weighlock.approval.lifecycle import may_see
from weighlock.console.page import Page
from weighlock.errors import Forbidden, Refused

HEARTBEAT = 15.0


class Live(Page):
    """An event for each move, and a comment now and then so that proxies stay."""

    async def get(self) -> None:
        session = self.session
        if session is None:
            return
        if self.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("stream-elsewhere", "This stream is for the console's own pages.")
        self.set_header("content-type", "text/event-stream")
        self.set_header("x-accel-buffering", "no")
        with self.site.feed.stream(session.id) as stream, contextlib.suppress(StreamClosedError):
            self.on_gone = stream.end
            await self._say("retry: 5000\n\n")
            while not stream.ended and self.site.clock() < session.until:
                moved = await stream.next(HEARTBEAT)
                try:
                    approver = self.site.visits.still(session.verified)
                except Refused:
                    return
                said = [{"id": one.id, "state": one.state.value} for one in moved if may_see(one, approver)]
                await self._say("".join(f"event: moved\ndata: {json.dumps(one)}\n\n" for one in said) or ": \n\n")

    async def _say(self, text: str) -> None:
        self.write(text)
        await self.flush()

    def on_connection_close(self) -> None:
        if gone := getattr(self, "on_gone", None):
            gone()
