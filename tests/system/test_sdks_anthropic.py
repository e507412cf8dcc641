"""Anthropic's SDK through the gateway: everything that comes out is parsed, and says what it may."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import anthropic
import httpx2
import pytest

from clients import settings
from demo.gateway import Gateway
from upstream import ADDRESS, MASKED, MASKED_THOUGHT, Upstream

HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
ASKED: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 2048,
    "system": "Answer in short.",
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [{"role": "user", "content": f"What did {ADDRESS} want?"}],
    "tools": [{"name": "take_note", "input_schema": {"type": "object", "properties": {"note": {"type": "string"}}}}],
}
NOTE = {"note": MASKED, "copies": 2}


def sdk(gateway: Gateway, *, http2: bool) -> anthropic.Anthropic:
    http, base = httpx2.Client(**settings(gateway, http2=http2)), gateway.url.removesuffix("/v1")
    return anthropic.Anthropic(base_url=base, api_key="weighlock", http_client=http, max_retries=0)


def async_sdk(gateway: Gateway, *, http2: bool) -> anthropic.AsyncAnthropic:
    http, base = httpx2.AsyncClient(**settings(gateway, http2=http2)), gateway.url.removesuffix("/v1")
    return anthropic.AsyncAnthropic(base_url=base, api_key="weighlock", http_client=http, max_retries=0)


def check(message: Any) -> None:
    thought, said, call = message.content
    assert re.fullmatch(MASKED_THOUGHT, thought.thinking)
    assert said.text == said.citations[0].cited_text == MASKED
    assert call.input == NOTE
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 30)


def check_events(events: list[Any]) -> None:
    texts: dict[str, str] = defaultdict(str)
    for event in events:
        if event.type == "content_block_delta":
            for member in ("thinking", "text", "partial_json"):
                texts[member] += getattr(event.delta, member, "")
    assert re.fullmatch(MASKED_THOUGHT, texts["thinking"])
    assert texts["text"] == MASKED
    assert json.loads(texts["partial_json"]) == NOTE
    kinds = [event.type for event in events if event.type != "content_block_delta"]
    block = ["content_block_start", "content_block_stop"]
    assert kinds == ["message_start", *block * 3, "message_delta", "message_stop"]


def check_nothing_left(host: Upstream, seen: int) -> None:
    arrived = bytes(host.received[seen:])
    assert b"What did <EMAIL_ADDRESS_" in arrived
    assert ADDRESS.encode() not in arrived


@HTTP
def test_a_message(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    with sdk(speaker, http2=http2) as client:
        check(client.messages.create(**ASKED))
        check_events(list(client.messages.create(**ASKED, stream=True)))
        with client.messages.stream(**ASKED) as stream:
            check(stream.get_final_message())
    check_nothing_left(upstream, seen)


@HTTP
async def test_a_message_asynchronously(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    async with async_sdk(speaker, http2=http2) as client:
        check(await client.messages.create(**ASKED))
        check_events([event async for event in await client.messages.create(**ASKED, stream=True)])
        async with client.messages.stream(**ASKED) as stream:
            check(await stream.get_final_message())
    check_nothing_left(upstream, seen)
