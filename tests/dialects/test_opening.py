from __future__ import annotations

import json
from typing import Any

import pytest

from weighlock.destination import Destination
from weighlock.dialects import calls

HOST = Destination("model", "llm.example", 443, ("openai", "anthropic", "gemini", "ollama"))
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"


def opening(path: str, body: dict[str, Any]) -> tuple[str, ...]:
    headers = (("content-type", "application/json"),)
    return calls.read(
        "POST", path, headers, json.dumps(body if "contents" in body else {"model": "m"} | body).encode(), HOST
    ).opening


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (CHAT, {"messages": [user("hi"), {"role": "assistant", "content": "yes?"}, user("more")]}, ("hi",)),
        (CHAT, {"messages": [{"role": "system", "content": "It is noon."}, user("hi")]}, ("hi",)),
        (CHAT, {"messages": [{"role": "developer", "content": "x"}, user([{"type": "text", "text": "hi"}])]}, ("hi",)),
        ("/v1/messages", {"max_tokens": 1, "system": "It is noon.", "messages": [user("hi")]}, ("hi",)),
        ("/v1beta/models/g:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, ("hi",)),
        ("/api/chat", {"messages": [user("hi")]}, ("hi",)),
        (RESPONSES, {"input": "hi", "instructions": "It is noon."}, ("hi",)),
        (RESPONSES, {"input": [user("hi")]}, ("hi",)),
        (RESPONSES, {"input": "more", "conversation": "conv_1"}, ("id", "conv_1")),
        (RESPONSES, {"input": "more", "conversation": {"id": "conv_1"}}, ("id", "conv_1")),
        ("/v1/embeddings", {"input": "hi"}, ()),
        ("/v1/embeddings", {"input": ["hi"]}, ()),
        ("/v1/completions", {"prompt": "hi"}, ()),
    ],
)
def test_a_conversation_begins_with_its_first_turn_that_is_no_instruction(
    path: str, body: dict[str, Any], said: tuple[str, ...]
) -> None:
    assert opening(path, body) == said


def test_what_only_says_how_a_turn_is_kept_does_not_count() -> None:
    part = {"type": "text", "text": "hi"}
    kept = part | {"cache_control": {"type": "ephemeral"}}
    asked: dict[str, Any] = {"max_tokens": 1}

    assert opening("/v1/messages", asked | {"messages": [user([kept])]}) == ("hi",)
    assert opening("/v1/messages", asked | {"messages": [user([part])]}) == ("hi",)
