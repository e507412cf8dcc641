"""OpenAI's SDK through the gateway: everything that comes out is parsed, and says what it may."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import httpx
import openai
import pytest

from clients import sdk, settings
from demo.gateway import Gateway
from upstream import ADDRESS, MASKED, MASKED_THOUGHT, Upstream

HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
TOOL = {"name": "take_note", "parameters": {"type": "object", "properties": {"note": {"type": "string"}}}}
CHAT: dict[str, Any] = {
    "model": "gpt-5.4",
    "messages": [{"role": "user", "content": f"What did {ADDRESS} want?"}],
    "tools": [{"type": "function", "function": TOOL}],
    "n": 2,
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.4",
    "instructions": "Answer in short.",
    "input": f"What did {ADDRESS} want?",
    "tools": [{"type": "function", "strict": False, **TOOL}],
}
NOTE = {"note": MASKED, "copies": 2}


def async_sdk(gateway: Gateway, *, http2: bool) -> openai.AsyncOpenAI:
    http = httpx.AsyncClient(**settings(gateway, http2=http2))
    return openai.AsyncOpenAI(base_url=gateway.url, api_key="weighlock", http_client=http, max_retries=0)


def added_up(chunks: Iterable[Any]) -> dict[str, str]:
    """What each text of a streamed chat comes to."""
    texts: dict[str, str] = defaultdict(str)
    for chunk in chunks:
        for choice in chunk.choices:
            texts["content"] += choice.delta.content or ""
            texts["refusal"] += choice.delta.refusal or ""
            for call in choice.delta.tool_calls or ():
                texts["arguments"] += call.function.arguments or ""
    return texts


def check_chat(answer: Any) -> None:
    said, refused = answer.choices
    assert said.message.content == refused.message.refusal == MASKED
    assert json.loads(said.message.tool_calls[0].function.arguments) == NOTE
    assert (said.finish_reason, refused.finish_reason, answer.usage.total_tokens) == ("tool_calls", "stop", 40)


def check_chunks(chunks: list[Any]) -> None:
    texts = added_up(chunks)
    assert texts["content"] == texts["refusal"] == MASKED
    assert json.loads(texts["arguments"]) == NOTE
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == [
        "tool_calls",
        "stop",
    ]
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [40]


def check_response(answer: Any) -> None:
    thought, said, call = answer.output
    assert re.fullmatch(MASKED_THOUGHT, thought.summary[0].text)
    assert said.content[0].text == answer.output_text == MASKED
    assert json.loads(call.arguments) == NOTE
    assert answer.usage.total_tokens == 123


def check_events(events: list[Any]) -> None:
    texts: dict[str, str] = defaultdict(str)
    for event in events:
        texts[event.type] += getattr(event, "delta", "") or getattr(event, "text", "") or ""
    assert texts["response.output_text.delta"] == texts["response.output_text.done"] == MASKED
    assert re.fullmatch(MASKED_THOUGHT, texts["response.reasoning_summary_text.delta"])
    assert json.loads(texts["response.function_call_arguments.delta"]) == NOTE
    assert [event.sequence_number for event in events] == list(range(len(events)))


def check_nothing_left(host: Upstream, seen: int) -> None:
    arrived = bytes(host.received[seen:])
    assert b"What did <EMAIL_ADDRESS_" in arrived
    assert ADDRESS.encode() not in arrived


@HTTP
def test_a_chat(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    with sdk(speaker, http2=http2) as client:
        check_chat(client.chat.completions.create(**CHAT))
        check_chunks(list(client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})))
        with client.chat.completions.stream(**CHAT) as stream:
            check_chat(stream.get_final_completion())
    check_nothing_left(upstream, seen)


@HTTP
async def test_a_chat_asynchronously(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    async with async_sdk(speaker, http2=http2) as client:
        check_chat(await client.chat.completions.create(**CHAT))
        check_chunks([chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)])
        async with client.chat.completions.stream(**CHAT) as stream:
            check_chat(await stream.get_final_completion())
    check_nothing_left(upstream, seen)


@HTTP
def test_a_response(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    with sdk(speaker, http2=http2) as client:
        check_response(client.responses.create(**RESPONSES))
        check_events(list(client.responses.create(**RESPONSES, stream=True)))
        with client.responses.stream(**RESPONSES) as stream:
            check_response(stream.get_final_response())
    check_nothing_left(upstream, seen)


@HTTP
async def test_a_response_asynchronously(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    async with async_sdk(speaker, http2=http2) as client:
        check_response(await client.responses.create(**RESPONSES))
        check_events([event async for event in await client.responses.create(**RESPONSES, stream=True)])
        async with client.responses.stream(**RESPONSES) as stream:
            check_response(await stream.get_final_response())
    check_nothing_left(upstream, seen)


@HTTP
def test_embeddings(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    with sdk(speaker, http2=http2) as client:
        answer = client.embeddings.create(model="text-embedding-3-small", input=f"What did {ADDRESS} want?")

    assert answer.data[0].embedding == pytest.approx([0.0023064255, -0.009327292, 0.015797377])
    check_nothing_left(upstream, seen)
