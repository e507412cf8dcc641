"""Google's SDK through the gateway: everything that comes out is parsed, and says what it may."""

from __future__ import annotations

import re
from typing import Any

import pytest

from clients import settings
from demo.gateway import Gateway
from upstream import ADDRESS, MASKED, MASKED_THOUGHT, Upstream

genai = pytest.importorskip("google.genai")
HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
TOOL = {"name": "take_note", "parameters_json_schema": {"type": "object", "properties": {"note": {"type": "string"}}}}
ASKED: dict[str, Any] = {
    "model": "gemini-3-flash",
    "contents": f"What did {ADDRESS} want?",
    "config": {
        "system_instruction": "Answer in short.",
        "tools": [{"function_declarations": [TOOL]}],
        "thinking_config": {"include_thoughts": True},
    },
}


def sdk(gateway: Gateway, *, http2: bool) -> Any:
    given = settings(gateway, http2=http2)
    options = {"base_url": gateway.url.removesuffix("/v1"), "client_args": given, "async_client_args": given}
    return genai.Client(api_key="weighlock", http_options=options)


def check(answers: list[Any]) -> None:
    parts = [part for answer in answers for part in answer.candidates[0].content.parts]
    assert re.fullmatch(MASKED_THOUGHT, "".join(part.text or "" for part in parts if part.thought))
    assert "".join(part.text or "" for part in parts if not part.thought) == MASKED
    assert [part.function_call.args for part in parts if part.function_call] == [{"note": MASKED, "copies": 2}]
    assert answers[-1].candidates[0].finish_reason == "STOP"
    assert answers[-1].usage_metadata.total_token_count == 38


def check_nothing_left(host: Upstream, seen: int) -> None:
    arrived = bytes(host.received[seen:])
    assert b"What did <EMAIL_ADDRESS_" in arrived
    assert ADDRESS.encode() not in arrived


@HTTP
def test_content_is_generated(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    with sdk(speaker, http2=http2) as client:
        check([client.models.generate_content(**ASKED)])
        check(list(client.models.generate_content_stream(**ASKED)))
    check_nothing_left(upstream, seen)


@HTTP
async def test_content_is_generated_asynchronously(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    async with sdk(speaker, http2=http2).aio as client:
        check([await client.models.generate_content(**ASKED)])
        check([part async for part in await client.models.generate_content_stream(**ASKED)])
    check_nothing_left(upstream, seen)
