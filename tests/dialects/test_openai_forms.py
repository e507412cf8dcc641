"""Forms, files, batches and what answers in other formats than JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai as sdk
import pytest

from dialects.matrix import PLANTED, Case, NotMaskable, cases, masked_body
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.openai import DIALECT
from weighlock.errors import BadReply, Malformed, Refused, Unsupported
from weighlock.wire import multipart

FORMS = [case for case in cases() if "form" in case.said]
BINARY = b"\x00\xff\xfe"


def data_of(part: dict[str, Any]) -> bytes:
    if "base64" in part:
        return base64.b64decode(part["base64"])
    if "lines" in part:
        return "".join(json.dumps(line) + "\n" for line in part["lines"]).encode()
    return str(part["value"]).encode()


def view(parts: list[dict[str, Any]], path: str) -> RequestView:
    """As httpx writes it, file or not."""
    files = [
        (
            part["name"],
            (part.get("filename"), data_of(part), part.get("type"))
            if "type" in part
            else (part.get("filename"), data_of(part)),
        )
        for part in parts
    ]
    sent = httpx.Request("POST", f"https://host.example{path}", files=files)
    return RequestView("POST", path, (), (), sent.headers["content-type"], sent.read())


def read(view: RequestView) -> tuple[Asked, Said]:
    operation = DIALECT.operation(view)
    assert operation
    return operation.read(view)


def upload(content: bytes, purpose: str = "user_data", name: str = "notes.txt") -> RequestView:
    parts = [
        {"name": "purpose", "value": purpose},
        {"name": "file", "filename": name, "base64": base64.b64encode(content)},
    ]
    return view(parts, "/v1/files")


def batch(*lines: Any) -> RequestView:
    return upload("\n".join(json.dumps(line) for line in lines).encode(), "batch", "lines.jsonl")


def line(url: str = "/v1/chat/completions", **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}]
    return {"custom_id": "1", "method": "POST", "url": url, "body": {"model": "small", "messages": messages} | body}


def planted(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from ({**value, name: inner} for inner in planted(member))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from ([*value[:at], inner, *value[at + 1 :]] for inner in planted(item))
    elif isinstance(value, str):
        yield f"{value} {PLANTED}"


@pytest.mark.parametrize("case", FORMS, ids=lambda case: case.path.stem)
def test_a_form_is_read_as_what_it_is_and_says_the_same_when_nothing_is_masked(case: Case) -> None:
    sent = view(case.said["form"]["parts"], case.said["form"]["path"])
    operation = DIALECT.operation(sent)
    assert operation is case.operation
    _, said = operation.read(sent)
    assert said.body

    def parts(content_type: str, body: bytes) -> list[tuple[Any, ...]]:
        raws = multipart.parse(content_type, body)
        return [(raw.name, raw.filename, raw.media, raw.data.replace(b" ", b"")) for raw in raws]

    assert parts(said.body.media, said.body.dumps()) == parts(sent.content_type, sent.body)


@pytest.mark.parametrize("case", FORMS, ids=lambda case: case.path.stem)
def test_nothing_planted_in_a_form_goes_on(case: Case) -> None:
    parts, masked = case.said["form"]["parts"], 0
    for at, part in enumerate(parts):
        for member in ("name", "filename", "type", "value", "lines"):
            for value in planted(part.get(member)):
                changed = [*parts[:at], part | {member: value}, *parts[at + 1 :]]
                try:
                    out = masked_body(case.operation.read(view(changed, case.said["form"]["path"]))[1])
                except (Refused, NotMaskable):
                    continue
                assert PLANTED not in out.decode("utf-8", "replace"), (at, member)
                masked += 1

    assert masked > len(parts) // 2


@pytest.mark.parametrize(
    ("path", "parts", "kinds"),
    [
        (
            "audio/transcriptions",
            [{"name": "model", "value": "m"}, {"name": "file", "filename": "a.wav", "base64": "AP8="}],
            ["audio"],
        ),
        ("images/edits", [{"name": "image", "filename": "a.png", "base64": "AP8="}], ["image", "image"]),
        (
            "files",
            [{"name": "purpose", "value": "vision"}, {"name": "file", "filename": "a", "base64": "AP8="}],
            ["file"],
        ),
        ("files", [{"name": "purpose", "value": "x"}, {"name": "file", "filename": "a.png", "value": "text"}], []),
    ],
    ids=str,
)
def test_a_file_that_nobody_can_read_is_told_apart_by_what_it_holds(path: str, parts: Any, kinds: list[str]) -> None:
    _, said = read(view(parts, f"/v1/{path}"))

    assert [one.kind for one in said.not_inspected] == kinds
    assert ("text" in [text.value for text in said.texts]) is (not kinds)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Maria Lopez.wav", "Maria Lopez"), ("maria@host.md", "maria@host.md"), (".md", ".md"), ("a.b", "a.b")],
)
def test_a_file_keeps_what_says_its_format(name: str, text: str) -> None:
    _, said = read(upload(b"x", name=name))
    assert said.body

    assert {one.pointer: one.value for one in said.texts}["/1/filename"] == text
    extension = name.removeprefix(text)
    parts = multipart.parse(said.body.media, said.body.rewrite({"/1/filename": "other"}).dumps())
    assert parts[1].filename == f"other{extension}"


def test_utf_16_is_no_text() -> None:
    _, said = read(upload("Maria Lopez".encode("utf-16-le")))

    assert [one.kind for one in said.not_inspected] == ["file"]


def test_a_batch_is_read_line_by_line_as_each_asks() -> None:
    asked, said = read(batch(line(metadata={"Ann": "x"}), line("/v1/embeddings", input=["a text"])))
    texts = {text.pointer: text.value for text in said.texts}

    assert asked.model == "small"
    assert texts["/1/value/0/body/messages/0/content"] == "hello"
    assert texts["key:/1/value/0/body/metadata/Ann"] == "Ann"
    assert texts["/1/value/1/body/input/0"] == "a text"
    assert texts["/1/value/0/custom_id"] == "1"
    assert texts["/1/filename"] == "lines"
    assert "key:/1/value/0/body" not in texts


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([line("/v1/files")], Malformed),
        ([line("/v1/other")], Malformed),
        ([line(), line(model="large")], Malformed),
        ([line() | {"method": "GET"}], Malformed),
        ([line() | {"body": "x"}], Malformed),
        ([line() | {"url": 7}], Malformed),
        ([line(messages="x")], Malformed),
        (["x"], Malformed),
        ([line("/v1/embeddings", input=[[1, 2]])], Unsupported),
    ],
    ids=range(9),
)
def test_a_line_that_is_no_request_known_here_is_refused(lines: list[Any], kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(batch(*lines))


@pytest.mark.parametrize(
    "content", [b'{"a": 1', b"[note] it is", b'{"a": 1}\n{', b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}"]
)
def test_a_file_that_is_nearly_json_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read(upload(content))


def test_a_field_twice_is_refused() -> None:
    parts = [{"name": "purpose", "value": "batch"}, {"name": "purpose", "value": "user_data"}]
    with pytest.raises(Malformed, match="form-malformed"):
        read(view(parts, "/v1/files"))


@pytest.mark.parametrize(
    "body",
    [
        {"input": [1, 2]},
        {"input": [[1, 2], [3]]},
        {"input": ["a", 1]},
        {"input": {"a": [1]}},
    ],
    ids=str,
)
def test_token_ids_are_refused_with_what_to_do(body: Any) -> None:
    content = json.dumps({"model": "m"} | body).encode()
    with pytest.raises(Unsupported, match="Token ids cannot be inspected") as caught:
        read(RequestView("POST", "/v1/embeddings", (), (), "application/json", content))

    assert caught.value.next_step


@pytest.mark.parametrize("prompt", [[1, 2], [[1]], ["a", [1]], {"prompt_string": "a", "ids": [1]}], ids=str)
def test_a_prompt_of_token_ids_is_refused(prompt: Any) -> None:
    content = json.dumps({"model": "m", "prompt": prompt}).encode()
    with pytest.raises(Unsupported, match="token-ids"):
        read(RequestView("POST", "/v1/completions", (), (), "application/json", content))


@pytest.mark.parametrize("vector", [[0.5, "Maria"], [5555555555554444], "Maria Lopez", "TWFyaWEgTG9wZXog", 5], ids=str)
def test_a_vector_that_is_none_is_inspected(vector: Any) -> None:
    reply = {"data": [{"object": "embedding", "embedding": vector}]}
    said = DIALECT.named("embeddings").read_reply(json.dumps(reply).encode())
    values = {text.value for text in said.texts}

    assert values & {"Maria", "5555555555554444", "Maria Lopez", "TWFyaWEgTG9wZXog", "5"}


def test_measured_numbers_are_no_texts() -> None:
    coded = base64.b64encode(bytes.fromhex("0000803e000000bf")).decode()
    reply = {"data": [{"embedding": [0.25, -0.5, 1e-05]}, {"embedding": coded}]}
    said = DIALECT.named("embeddings").read_reply(json.dumps(reply).encode())

    assert said.texts == ()


@pytest.mark.parametrize(
    ("operation", "media", "body", "kinds"),
    [
        ("audio.speech", "audio/mpeg", BINARY, ["audio"]),
        ("audio.transcriptions", "text/plain", b"1\n00:00 --> 00:01\nhello", []),
        ("files.content", "application/octet-stream", b'{"a": "hello"}\n{"a": "there"}\n', []),
        ("files.content", "application/octet-stream", b'{\n"a": "hello"\n}', []),
        ("files.content", "text/plain", b"hello", []),
        ("files.content", "image/png", BINARY, ["file"]),
    ],
    ids=str,
)
def test_a_reply_that_is_no_json_is_read_as_what_it_is(operation: str, media: str, body: bytes, kinds: Any) -> None:
    said = DIALECT.named(operation).read_reply(body, media)
    assert said.body

    assert [one.kind for one in said.not_inspected] == kinds
    assert any("hello" in text.value for text in said.texts) is (not kinds)
    assert said.body.dumps().replace(b" ", b"").strip() == (
        body.replace(b" ", b"").strip() if not body.startswith(b"{\n") else b'{"a":"hello"}'
    )


@pytest.mark.parametrize(
    ("operation", "media"),
    [("audio.speech", "text/html"), ("audio.transcriptions", "text/plain"), ("chat.completions", "audio/mpeg")],
)
def test_a_reply_of_another_format_is_refused(operation: str, media: str) -> None:
    with pytest.raises(BadReply):
        DIALECT.named(operation).read_reply(BINARY, media)


def test_a_file_of_answers_leaves_out_what_spells_them() -> None:
    entries = [{"token": part, "bytes": list(part.encode()), "logprob": -1} for part in ("hel", "lo")]
    body = {"choices": [{"message": {"content": "hello"}, "logprobs": {"content": entries}}]}
    content = json.dumps({"custom_id": "1", "response": {"body": body}}).encode() + b"\n"
    said = DIALECT.named("files.content").read_reply(content * 2, "application/octet-stream")

    assert [one.places for one in said.spelled["/1/response/body/choices/0/message/content"]] == [
        ("/1/response/body/choices/0/logprobs/content/0",),
        ("/1/response/body/choices/0/logprobs/content/1",),
    ]


CALLS: dict[str, Callable[[sdk.OpenAI], Any]] = {
    "files": lambda it: it.files.create(file=("lines.jsonl", json.dumps(line()).encode()), purpose="batch"),
    "audio": lambda it: it.audio.transcriptions.create(file=("a.wav", BINARY), model="whisper-1", prompt="hello"),
    "granular": lambda it: it.audio.transcriptions.create(
        file=("a.wav", BINARY), model="m", timestamp_granularities=["word", "segment"], prompt="hello", stream=False
    ),
    "image": lambda it: it.images.edit(image=[("a.png", BINARY), ("b.png", BINARY)], prompt="hello", model="m"),
}


@pytest.mark.parametrize("what", CALLS)
def test_what_the_sdk_sends_is_read_and_written_for_another_reader(what: str) -> None:
    seen: list[RequestView] = []

    def answer(request: httpx.Request) -> httpx.Response:
        content_type = request.headers["content-type"]
        seen.append(RequestView("POST", request.url.path, (), (), content_type, request.read()))
        return httpx.Response(200, json={"text": "hi", "id": "file-1", "object": "file", "data": []})

    transport = httpx.MockTransport(answer)
    with sdk.OpenAI(api_key="x", base_url="https://h.example/v1", http_client=httpx.Client(transport=transport)) as it:
        CALLS[what](it)
    _, said = read(seen[0])
    assert said.body

    assert "hello" in [text.value for text in said.texts]
    assert BINARY in said.body.dumps() or what == "files"
    sent = [(raw.name, raw.filename) for raw in multipart.parse(seen[0].content_type, seen[0].body)]
    assert [(raw.name, raw.filename) for raw in multipart.parse(said.body.media, said.body.dumps())] == sent
