"""Servers that speak OpenAI's API with more in it, and their own beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.matrix import PLANTED, hidden, rewrites
from weighlock.destination import Destination
from weighlock.dialects import choose, llamacpp, openai, tgi
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import Dialect
from weighlock.errors import BadReply, Malformed, Refused, Unsupported
from weighlock.masking.apply import apply
from weighlock.masking.stream import StreamMasker, touched
from weighlock.wire.shape import StreamShape
from weighlock.wire.sse import Sse

A, B = PLANTED[:3], PLANTED[3:]


def view(path: str, body: Any, method: str = "POST") -> RequestView:
    return RequestView(method, path, (), (), "application/json", json.dumps(body).encode() if body else b"")


def read(dialect: Dialect, path: str, body: Any) -> tuple[Asked, Said]:
    operation = dialect.operation(view(path, body))
    assert operation
    return operation.read(view(path, body))


def masked_stream(shape: StreamShape, *events: Any, done: bool = False) -> list[Any]:
    masker = StreamMasker(Sse(), shape, 1 << 20)
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ("data: [DONE]\n\n" if done else "")
    out = [frame for texts in (masker.feed(data.encode()), masker.finish()) for frame in masker.release(hidden(texts))]
    return [json.loads(frame[6:]) for frame in out if frame.startswith(b"data: {")]


def masked_reply(dialect: Dialect, operation: str, reply: Any) -> Any:
    said = dialect.named(operation).read_reply(json.dumps(reply).encode())
    found = hidden(said.texts)
    values = {text.pointer: text.value for text in said.texts}
    gone = set(said.dropped).union(*(touched(said.spelled.get(place, ()), new) for place, new in found.items()))
    assert said.body
    texts = {place: apply(values[place], new) for place, new in found.items()}
    return json.loads(said.body.rewrite(texts).without(gone).dumps())


def shape(dialect: Dialect, operation: str) -> StreamShape:
    return dialect.named(operation).streams["text/event-stream"]()


@pytest.mark.parametrize(
    "piece",
    [
        lambda text: {"delta": {"thoughts": text}},
        lambda text: {"delta": {"deep": [{"er": {"still": text}}]}},
        lambda text: {"delta": {"reasoning_details": [{"type": "reasoning.text", "index": 1, "text": text}]}},
        lambda text: {"message": {"content": text}},
        lambda text: {"said": text},
        lambda text: {"text": text},
    ],
    ids=["a delta", "a deep one", "details", "a message", "a choice", "the older way"],
)
def test_what_goes_on_at_a_place_that_nobody_knows_is_found_over_two_chunks(piece: Any) -> None:
    chunks = [{"choices": [{"index": 0} | piece(text)]} for text in (f"I am {A}", f"{B}, yes")]
    out = json.dumps(masked_stream(shape(openai.DIALECT, "chat.completions"), *chunks, done=True))

    assert f"I am {rewrites(PLANTED)[0].new}" in out
    assert A not in out
    assert B not in out


@pytest.mark.parametrize("chunk", [{"content": "x"}, {"choices": None, "content": "x"}, {"choices": "x"}, ["x"], "x"])
def test_a_chunk_that_is_none_is_refused(chunk: Any) -> None:
    with pytest.raises(BadReply):
        masked_stream(shape(openai.DIALECT, "chat.completions"), chunk, done=True)


def test_a_snapshot_beside_a_delta_is_left_out_for_it_may_end_within_a_value() -> None:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": piece}, "message": {"role": "assistant", "content": so_far}}]}
        for piece, so_far in ((A, A), (B, PLANTED))
    ]
    out = masked_stream(shape(openai.DIALECT, "chat.completions"), *chunks, done=True)

    assert [chunk["choices"][0]["message"] for chunk in out] == [None, None]
    assert A not in json.dumps(out)


def test_an_error_in_a_stream_is_masked_and_goes_on() -> None:
    (out,) = masked_stream(
        shape(openai.DIALECT, "chat.completions"), {"error": {"message": f"no {PLANTED}"}}, done=True
    )

    assert out == {"error": {"message": f"no {rewrites(PLANTED)[0].new}"}}


def test_audio_that_is_asked_for_is_told_beforehand() -> None:
    body = {"model": "m", "messages": [], "modalities": ["text", "audio"], "audio": {"voice": "alloy"}}
    _, said = read(openai.DIALECT, "/v1/chat/completions", body)
    _, speech = read(openai.DIALECT, "/v1/audio/speech", {"model": "m", "input": "hello", "voice": "alloy"})

    assert [one.kind for one in (*said.not_inspected, *speech.not_inspected)] == ["audio", "audio"]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions", "body"),
        ("/chat/completions", "body"),
        ("/api/v1/chat/completions", "body"),
        ("/openai/v1/chat/completions", "body"),
        ("/openai/deployments/mine/chat/completions", "mine"),
    ],
)
def test_the_model_is_the_one_that_answers(path: str, model: str) -> None:
    asked, _ = read(openai.DIALECT, path, {"model": "body", "messages": []})

    assert asked.model == model


@pytest.mark.parametrize("path", ["/v1/../chat/completions", "/v1/%2e%2e/chat/completions", "/v1//chat/completions"])
def test_a_path_that_may_lead_elsewhere_is_no_call(path: str) -> None:
    assert openai.DIALECT.operation(view(path, {"model": "m", "messages": []})) is None


def test_tokens_of_tgi_go_with_what_they_spell() -> None:
    def token(text: str, special: bool = False) -> dict[str, Any]:
        return {"id": 7, "text": text, "logprob": -1.5, "special": special}

    out = masked_stream(
        shape(tgi.DIALECT, "generate_stream"),
        {"index": 1, "token": token(f"I am {A}")},
        {"index": 2, "token": token(B), "top_tokens": [token("else")]},
        {"index": 3, "token": token(", yes")},
        {"index": 4, "token": token("</s>", special=True), "generated_text": f"I am {PLANTED}, yes", "details": None},
    )
    new = rewrites(PLANTED)[0].new

    assert [event["token"] for event in out] == [
        {"id": None, "text": f"I am {new}", "logprob": None, "special": False},
        {"id": None, "text": "", "logprob": None, "special": False},
        token(", yes"),
        token("</s>", special=True),
    ]
    assert out[1]["top_tokens"] is None
    assert out[3]["generated_text"] == f"I am {new}, yes"
    parts = [token(f"I am {A}"), token(B), token(", yes"), token("</s>", special=True)]
    details = {"tokens": parts, "prefill": [token("hi")], "top_tokens": [[token("x")]]}
    whole = masked_reply(tgi.DIALECT, "generate", {"generated_text": f"I am {PLANTED}, yes", "details": details})

    assert whole["details"] == {"tokens": parts[2:], "prefill": None, "top_tokens": None}
    other = masked_reply(tgi.DIALECT, "compat_generate", [{"generated_text": "else", "details": {"tokens": parts}}])

    assert other[0]["details"]["tokens"] is None


def test_what_llama_cpp_says_in_token_ids_is_dropped() -> None:
    said = {"content": "hello", "tokens": [1, 2], "completion_probabilities": [{"id": 1, "token": A}], "stop": True}
    (event,) = masked_stream(shape(llamacpp.DIALECT, "completion"), said)

    assert (event["content"], event["tokens"], event["completion_probabilities"]) == ("hello", None, None)
    assert masked_reply(llamacpp.DIALECT, "completion", [said]) == [event]


def test_a_stream_of_llama_cpp_is_over_when_every_prompt_is() -> None:
    first, second = ({"index": n, "content": "x", "stop": False} for n in (0, 1))
    with pytest.raises(BadReply, match="stream-truncated"):
        masked_stream(shape(llamacpp.DIALECT, "completion"), first, second, first | {"stop": True})

    assert (
        len(masked_stream(shape(llamacpp.DIALECT, "completion"), first | {"stop": True}, second | {"stop": True})) == 2
    )


@pytest.mark.parametrize(
    ("dialect", "path", "body", "kind"),
    [
        (llamacpp.DIALECT, "/completion", {"prompt": [1, 2]}, Unsupported),
        (llamacpp.DIALECT, "/completion", {"prompt": [12, "x"]}, Unsupported),
        (llamacpp.DIALECT, "/completion", {"content": "x"}, Malformed),
        (llamacpp.DIALECT, "/apply-template", {"messages": "x"}, Malformed),
        (tgi.DIALECT, "/generate", {"inputs": ["x"]}, Malformed),
        (tgi.DIALECT, "/", {"inputs": "x", "stream": "yes"}, Malformed),
        (openai.DIALECT, "/score", {"model": "m"}, Malformed),
        (openai.DIALECT, "/score", {"text_1": [1, 2], "text_2": "x"}, Unsupported),
    ],
    ids=range(8),
)
def test_what_cannot_be_inspected_is_refused(dialect: Dialect, path: str, body: Any, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(dialect, path, body)


@pytest.mark.parametrize("path", ["/tokenize", "/detokenize", "/v1/uploads", "/v1/uploads/u/parts", "/pooling"])
def test_what_no_dialect_here_reads_is_refused(path: str) -> None:
    every = Destination(name="d", host="h", port=443, dialects=("openai", "llamacpp", "tgi"))
    with pytest.raises(Refused, match="dialect-unknown"):
        choose(view(path, {"content": "x"}), every)
