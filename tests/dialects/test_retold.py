"""Requests that tell again, token by token, what was answered; and lists of numbers that spell a text."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.matrix import PLANTED, hidden, masked_body
from weighlock.dialects import anthropic, generic, ollama, openai
from weighlock.dialects.base import RequestView
from weighlock.dialects.dialect import Dialect
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.dialects.openai_realtime import ClientEvents
from weighlock.masking.stream import StreamMasker
from weighlock.model import Role, Text
from weighlock.wire.messages import Messages
from weighlock.wire.sse import Sse

PIECES = (PLANTED[:3], PLANTED[3:])
ENTRIES = [
    {"token": one, "logprob": -0.5, "bytes": list(one.encode()), "top_logprobs": [{"token": one}]} for one in PIECES
]
OLDER = {"tokens": PIECES, "token_logprobs": [-1, -2], "top_logprobs": [{PIECES[0]: -1}, {}]}


def asked(dialect: Dialect, path: str, body: Any, media: str = "application/json") -> RequestView:
    data = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    return RequestView("POST", path, (), (), media, data)


def texts(dialect: Dialect, path: str, body: Any) -> tuple[Text, ...]:
    view = asked(dialect, path, body)
    operation = dialect.operation(view)
    assert operation
    return operation.read(view)[1].texts


def sent(dialect: Dialect, path: str, body: Any) -> Any:
    view = asked(dialect, path, body)
    operation = dialect.operation(view)
    assert operation
    return json.loads(masked_body(operation.read(view)[1]))


@pytest.mark.parametrize(
    ("dialect", "path", "message", "expected"),
    [
        pytest.param(
            openai.DIALECT,
            "/v1/chat/completions",
            {"logprobs": {"content": ENTRIES, "refusal": None}},
            {"logprobs": None},
            id="chat",
        ),
        pytest.param(openai.DIALECT, "/v1/chat/completions", {"logprobs": OLDER}, {"logprobs": None}, id="older"),
        pytest.param(
            openai.DIALECT,
            "/v1/chat/completions",
            {"token_ids": [48, 49], "prompt_logprobs": [None, {"1": {"decoded_token": "Q"}}]},
            {"token_ids": [], "prompt_logprobs": []},
            id="vllm",
        ),
        pytest.param(ollama.DIALECT, "/api/chat", {"logprobs": ENTRIES}, {"logprobs": []}, id="ollama"),
    ],
)
def test_token_probabilities_of_earlier_answers_stay_here(
    dialect: Dialect, path: str, message: dict[str, Any], expected: dict[str, Any]
) -> None:
    said = {"role": "assistant", "content": PLANTED}
    out = sent(dialect, path, {"messages": [said | message]})

    assert out["messages"] == [said | {"content": "<6>"} | expected]


def test_what_asks_for_probabilities_or_is_somebodys_own_stays() -> None:
    function = {"name": "f", "parameters": {"properties": {"logprobs": {"type": "object"}}}}
    body = {"messages": [], "logprobs": True, "top_logprobs": 3, "tools": [{"type": "function", "function": function}]}

    assert sent(openai.DIALECT, "/v1/chat/completions", body) == {"model": "m"} | body


def test_what_is_uploaded_to_learn_from_tells_no_tokens() -> None:
    line = json.dumps({"messages": [{"role": "assistant", "content": "a", "logprobs": {"content": ENTRIES}}]})
    form = httpx.Request(
        "POST", "https://llm.example/v1/files", files={"file": ("a.jsonl", line)}, data={"purpose": "fine-tune"}
    )
    view = asked(openai.DIALECT, "/v1/files", form.read(), form.headers["content-type"])
    operation = openai.DIALECT.operation(view)
    assert operation

    assert b'"content":"a","logprobs":null' in masked_body(operation.read(view)[1])


def test_a_client_of_a_socket_tells_no_tokens() -> None:
    masker = StreamMasker(Messages(), ClientEvents(), 1 << 20)
    part = {"type": "input_audio", "transcript": "a", "logprobs": ENTRIES}
    event = {"type": "conversation.item.create", "item": {"content": [part]}}
    found = masker.feed(json.dumps(event).encode())

    out = json.loads(b"".join(masker.release(hidden(found))))

    assert out["item"]["content"] == [part | {"logprobs": []}]


@given(st.text(min_size=6, max_size=20))
def test_numbers_that_are_the_bytes_of_a_text_are_inspected_as_it(text: str) -> None:
    numbers = list(text.encode())
    own = {"messages": [{"role": "tool", "content": "a", "data": numbers}]}
    inner = {"type": "tool_use", "id": "a", "name": "n", "input": {"buffer": {"type": "Buffer", "data": numbers}}}

    for dialect, path, body in (
        (openai.DIALECT, "/v1/chat/completions", own),
        (anthropic.DIALECT, "/v1/messages", {"messages": [{"role": "assistant", "content": [inner]}]}),
        (generic.DIALECT, "/any", own),
    ):
        assert text in [one.value for one in texts(dialect, path, body) if one.role is Role.KEY]


@pytest.mark.parametrize("numbers", [[1, 2, 3], [7, 8, 9, 10, 11, 256], [-1] * 8, [0.5] * 8, [1000] * 8])
def test_numbers_that_are_no_bytes_are_nothing_else(numbers: list[float]) -> None:
    found = texts(generic.DIALECT, "/any", {"data": numbers})

    assert not [one for one in found if one.pointer.startswith("joined:")]


def test_bytes_in_the_arguments_of_a_streamed_call_are_inspected_too() -> None:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20)
    arguments = json.dumps({"data": list(PLANTED.encode())})
    calls = [{"index": 0, "function": {"name": "f", "arguments": half}} for half in (arguments[:9], arguments[9:])]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    data = [json.dumps(chunk) for chunk in chunks] + ["[DONE]"]

    found = masker.feed("".join(f"data: {event}\n\n" for event in data).encode())

    assert (Role.KEY, PLANTED) in [(text.role, text.value) for text in found]
