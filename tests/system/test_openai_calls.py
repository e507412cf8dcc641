"""OpenAI's calls beside chat, by the real SDK through the real gateway: forms, files, probabilities, other formats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from clients import RULES_ALONE, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost, write_chunk
from weighlock.wire import multipart

MAIL = "maria.lopez@example.com"
AUDIO = b"RIFF\xff\x00\x00\x00WAVE"
CARD = "It is 4111 1111 1111 1111, yes."


class Host(ModelHost):
    """Answers with *reply*, in chunks where it is a list, and keeps heads and bodies."""

    reply: bytes | list[Any] = b"{}"
    media = "application/json"

    def __init__(self, folder: Path) -> None:
        self.calls: list[tuple[bytes, bytes]] = []
        super().__init__(folder)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.calls.append((head, body))
        start = f"HTTP/1.1 200 OK\r\ncontent-type: {self.media}\r\n".encode()
        if isinstance(self.reply, bytes):
            writer.write(start + b"content-length: %d\r\n\r\n" % len(self.reply) + self.reply)
            return
        writer.write(start + b"transfer-encoding: chunked\r\n\r\n")
        for event in self.reply:
            write_chunk(writer, f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
        writer.write(b"0\r\n\r\n")

    def says(self, reply: Any, media: str = "application/json") -> None:
        self.reply = reply if isinstance(reply, bytes | list) else json.dumps(reply).encode()
        self.media = media

    def parts(self) -> dict[str, multipart.Raw]:
        """The form that came last."""
        head, body = self.calls[-1]
        (kind,) = [line for line in head.decode().split("\r\n") if line.lower().startswith("content-type:")]
        return {raw.name: raw for raw in multipart.parse(kind.partition(":")[2].strip(), body)}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: Host) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), issuer, host, options=RULES_ALONE)
    rules = gateway.rules / "destinations.yaml"
    rules.write_text(rules.read_text().replace("{name: llm,", "{name: llm, not_inspected: [audio],"))
    with gateway:
        yield gateway


@pytest.fixture
def ask(through: Gateway) -> Iterator[openai.OpenAI]:
    with sdk(through) as ask:
        yield ask


def entries(text: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "token": token,
            "logprob": -0.5,
            "bytes": list(token.encode()),
            "top_logprobs": [{"token": token, "logprob": -1}],
        }
        for token in text
    ]


def test_a_batch_leaves_with_every_line_masked(ask: openai.OpenAI, host: Host) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": f"write to {MAIL}"}]}
    lines = [{"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": body} for n in range(2)]
    host.says({"id": "file-1", "object": "file", "filename": "lines.jsonl", "purpose": "batch"})

    made = ask.files.create(file=("lines.jsonl", "\n".join(map(json.dumps, lines)).encode()), purpose="batch")

    assert made.id == "file-1"
    parts = host.parts()
    assert parts["purpose"].data == b"batch"
    sent = [json.loads(line) for line in parts["file"].data.splitlines()]
    assert [line["custom_id"] for line in sent] == ["0", "1"]
    assert len({line["body"]["messages"][0]["content"] for line in sent}) == 1
    assert "<EMAIL_ADDRESS" in sent[0]["body"]["messages"][0]["content"]
    assert MAIL.encode() not in host.received


def test_a_file_of_answers_comes_back_masked(ask: openai.OpenAI, host: Host) -> None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": CARD}}]}
    line = json.dumps({"custom_id": "0", "response": {"status_code": 200, "body": answer}}).encode()
    host.says(line + b"\n" + line + b"\n", "application/octet-stream")

    content = ask.files.content("file-1").text

    found = [json.loads(line)["response"]["body"]["choices"][0]["message"]["content"] for line in content.splitlines()]
    assert found == [CARD.replace("4111 1111 1111 ", "*" * 15)] * 2


def test_audio_goes_on_where_it_may_and_what_is_said_with_it_is_masked(ask: openai.OpenAI, host: Host) -> None:
    host.says({"text": CARD})

    said = ask.audio.transcriptions.create(file=("talk.wav", AUDIO), model="demo", prompt=f"names: {MAIL}")

    assert said.text == CARD.replace("4111 1111 1111 ", "*" * 15)
    parts = host.parts()
    assert (parts["file"].data, parts["file"].filename) == (AUDIO, "talk.wav")
    assert b"<EMAIL_ADDRESS" in parts["prompt"].data


def test_subtitles_come_back_masked(ask: openai.OpenAI, host: Host) -> None:
    host.says(f"1\n00:00:00,000 --> 00:00:01,000\n{CARD}\n".encode(), "text/plain")

    said = ask.audio.transcriptions.create(file=("talk.wav", AUDIO), model="demo", response_format="srt")

    assert "*" * 15 in said
    assert "00:00:00,000 --> 00:00:01,000" in said


def test_a_transcript_is_masked_as_it_is_written(ask: openai.OpenAI, host: Host) -> None:
    pieces = [CARD[at : at + 3] for at in range(0, len(CARD), 3)]
    deltas = [{"type": "transcript.text.delta", "delta": piece, "logprobs": entries([piece])} for piece in pieces]
    host.says([*deltas, {"type": "transcript.text.done", "text": CARD}], "text/event-stream")

    events = list(ask.audio.transcriptions.create(file=("talk.wav", AUDIO), model="demo", stream=True))

    masked = CARD.replace("4111 1111 1111 ", "*" * 15)
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == masked
    assert [event.text for event in events if event.type == "transcript.text.done"] == [masked]
    spelled = "".join(one.token for event in events for one in getattr(event, "logprobs", None) or ())
    assert "11" not in spelled.replace("1111,", "")


def test_speech_comes_back_as_it_is(ask: openai.OpenAI, host: Host) -> None:
    host.says(AUDIO, "audio/mpeg")

    said = ask.audio.speech.create(input=f"Write to {MAIL}", model="demo", voice="alloy")

    assert said.content == AUDIO
    assert "<EMAIL_ADDRESS" in json.loads(host.calls[-1][1])["input"]


def test_pictures_are_refused_where_they_are_not_listed_and_nothing_is_asked(ask: openai.OpenAI, host: Host) -> None:
    asked = len(host.calls)
    with pytest.raises(openai.APIStatusError, match="cannot be inspected"):
        ask.images.generate(prompt="a town", model="demo")

    assert len(host.calls) == asked


def test_embeddings_come_back_as_numbers(ask: openai.OpenAI, host: Host) -> None:
    host.says({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": "AACAPgAAAL8="}]})

    said = ask.embeddings.create(input=[f"Write to {MAIL}"], model="demo")

    assert said.data[0].embedding == [0.25, -0.5]
    assert "<EMAIL_ADDRESS" in json.loads(host.calls[-1][1])["input"][0]


@pytest.mark.parametrize("stream", [False, True])
def test_probabilities_of_what_is_masked_are_left_out(ask: openai.OpenAI, host: Host, stream: bool) -> None:
    pieces = ["It", " is", " 4111", " 1111", " 1111", " 1111", ",", " yes", "."]
    choices: list[Any] = [
        {"index": 0, "delta": {"content": piece}, "logprobs": {"content": entries([piece])}} for piece in pieces
    ]
    message = {"role": "assistant", "content": "".join(pieces)}
    whole = {"index": 0, "message": message, "logprobs": {"content": entries(pieces)}, "finish_reason": "stop"}
    if stream:
        common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "demo"}
        ends = [common | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"]
        host.says([*(common | {"choices": [choice]} for choice in choices), *ends], "text/event-stream")
    else:
        host.says({"id": "c", "object": "chat.completion", "created": 1, "model": "demo", "choices": [whole]})

    messages: Any = [{"role": "user", "content": "what is it?"}]
    said: Any = ask.chat.completions.create(
        model="demo", messages=messages, logprobs=True, top_logprobs=1, stream=stream
    )
    found = [chunk.choices[0] for chunk in said] if stream else [said.choices[0]]

    text = "".join((one.delta if stream else one.message).content or "" for one in found)
    kept = [one.token for choice in found if choice.logprobs for one in choice.logprobs.content or ()]
    assert text == CARD.replace("4111 1111 1111 ", "*" * 15)
    assert kept[:1] == ["It"]
    assert kept[-3:] == [",", " yes", "."]
    assert not any("4111" in token for token in kept)
