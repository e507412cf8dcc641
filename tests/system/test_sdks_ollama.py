"""Ollama's client through the gateway: everything that comes out is parsed, and says what it may."""

from __future__ import annotations

import re
from typing import Any

import ollama
import pytest

from clients import settings
from demo.gateway import Gateway
from upstream import ADDRESS, MASKED, MASKED_THOUGHT, Upstream

HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
TOOL = {"name": "take_note", "parameters": {"type": "object", "properties": {"note": {"type": "string"}}}}
CHAT: dict[str, Any] = {
    "model": "llama3.2",
    "messages": [{"role": "user", "content": f"What did {ADDRESS} want?"}],
    "tools": [{"type": "function", "function": TOOL}],
    "think": True,
}
GENERATE: dict[str, Any] = {"model": "llama3.2", "prompt": f"What did {ADDRESS} want?", "think": True}


def check_chat(parts: list[ollama.ChatResponse]) -> None:
    assert "".join(part.message.content or "" for part in parts) == MASKED
    assert re.fullmatch(MASKED_THOUGHT, "".join(part.message.thinking or "" for part in parts))
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert [call.function.arguments for call in calls] == [{"note": MASKED, "copies": 2}]
    check_end(parts)


def check_text(parts: list[ollama.GenerateResponse]) -> None:
    assert "".join(part.response or "" for part in parts) == MASKED
    assert re.fullmatch(MASKED_THOUGHT, "".join(part.thinking or "" for part in parts))
    check_end(parts)


def check_end(parts: list[Any]) -> None:
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[-1].done_reason, parts[-1].eval_count) == ("stop", 282)


def check_nothing_left(host: Upstream, seen: int) -> None:
    arrived = bytes(host.received[seen:])
    assert b"What did <EMAIL_ADDRESS_" in arrived
    assert ADDRESS.encode() not in arrived


@HTTP
def test_chat_generate_and_embed(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    client = ollama.Client(speaker.url.removesuffix("/v1"), **settings(speaker, http2=http2))
    check_chat([client.chat(**CHAT)])
    check_chat(list(client.chat(**CHAT, stream=True)))
    check_text([client.generate(**GENERATE)])
    check_text(list(client.generate(**GENERATE, stream=True)))
    assert len(client.embed("all-minilm", f"What did {ADDRESS} want?").embeddings[0]) == 3
    client.close()
    check_nothing_left(upstream, seen)


@HTTP
async def test_chat_and_generate_asynchronously(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    client = ollama.AsyncClient(speaker.url.removesuffix("/v1"), **settings(speaker, http2=http2))
    check_chat([await client.chat(**CHAT)])
    check_chat([part async for part in await client.chat(**CHAT, stream=True)])
    check_text([part async for part in await client.generate(**GENERATE, stream=True)])
    await client.close()
    check_nothing_left(upstream, seen)
