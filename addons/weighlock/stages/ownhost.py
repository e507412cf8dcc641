"""https://weighlock.internal: what the gateway itself answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from weighlock.stages import approvalstatus, tokenendpoint
from weighlock.stages.passage import Passage
from weighlock.stages.record import Recorder
from weighlock.stages.stage import Parts

_LONGEST = 10.0
"""Seconds that it may take."""


async def answer(parts: Parts, recorder: Recorder, passage: Passage, recheck: Callable[[Passage], None]) -> None:
    """Raises Refused. *recheck* raises it for a principal who may not call."""
    exchange, flow = passage.exchange, passage.flow
    async with asyncio.timeout(_LONGEST):
        if approvalstatus.is_asked(flow.request):
            # Nothing leaves and nothing changes by it, so nothing is recorded.
            exchange.principal = await approvalstatus.identify(parts, exchange, flow.request)
            recheck(passage)
            flow.response = await approvalstatus.answer(parts, exchange, flow.request)
            passage.closed = True
        else:  # what its body holds is a token, and is kept nowhere
            exchange.principal = await tokenendpoint.identify(parts, exchange, flow.request)
            recheck(passage)
            handle, session = await tokenendpoint.open_session(parts, exchange)
            await recorder.session(passage, session)
            flow.response = tokenendpoint.answer(handle, session)
    passage.answered = True
    passage.seal_response()
