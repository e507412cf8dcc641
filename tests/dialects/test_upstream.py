"""What tests/dialects/upstream says is what the vendors' own SDKs know: no field is made up, none has another type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic.types
import ollama
import openai.types
import openai.types.responses
import pytest
from pydantic import BaseModel, TypeAdapter

from upstream import answers

KNOWN: dict[str, tuple[Any, Any]] = {
    "anthropic-messages": (anthropic.types.Message, anthropic.types.RawMessageStreamEvent),
    "ollama-chat": (ollama.ChatResponse, ollama.ChatResponse),
    "ollama-embed": (ollama.EmbedResponse, None),
    "ollama-generate": (ollama.GenerateResponse, ollama.GenerateResponse),
    "openai-chat": (openai.types.chat.ChatCompletion, openai.types.chat.ChatCompletionChunk),
    "openai-embeddings": (openai.types.CreateEmbeddingResponse, None),
    "openai-responses": (openai.types.responses.Response, openai.types.responses.ResponseStreamEvent),
}
UNTYPED = {"store"}
"""Documented, and in no SDK's types."""


def unknown(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (value.model_extra or {}).keys() - UNTYPED
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from unknown(item)


def types(name: str) -> tuple[Any, Any]:
    if name != "gemini-generate":
        return KNOWN[name]
    genai = pytest.importorskip("google.genai.types")
    return genai.GenerateContentResponse, genai.GenerateContentResponse


@pytest.mark.parametrize("name", answers())
def test_a_reply_is_of_the_sdks_type(name: str) -> None:
    whole, part = types(name)
    stream = answers()[name].get("stream", {"frames": []})["frames"]
    events = [frame["data"] for frame in stream if frame["data"] not in ("[DONE]", {"type": "ping"})]

    read = [TypeAdapter(whole).validate_python(answers()[name]["reply"])]
    read += [TypeAdapter(part).validate_python(event) for event in events]
    assert list(unknown(read)) == []
    assert bool(events) == (part is not None)
