from __future__ import annotations

import json
from typing import Any

from mitmproxy.test import tflow, tutils

from builders import a_destination
from weighlock.model import Exchange
from weighlock.stages.read import Read


async def test_a_call_names_the_tools_that_it_offers() -> None:
    body = {"model": "small", "messages": [], "tools": [{"type": "function", "function": {"name": "shell"}}]}
    request = tutils.treq(
        method=b"POST",
        path=b"/v1/chat/completions",
        headers=((b"content-type", b"application/json"),),
        content=json.dumps(body).encode(),
    )
    exchange = Exchange("e", 0.0, "peer", None, destination=a_destination())
    parts: Any = None

    call = await Read(parts).fill(exchange, tflow.tflow(req=request))

    assert (call.operation, call.tools) == ("chat.completions", ("shell",))
