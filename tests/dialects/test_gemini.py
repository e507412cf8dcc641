from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.gemini import DIALECT as GEMINI
from weighlock.dialects.gemini_stream import GenerateStream
from weighlock.errors import BadReply, Forbidden, Malformed, Refused, Unsupported
from weighlock.model import NotInspected, Role
from weighlock.wire.array import Array
from weighlock.wire.framing import Frame
from weighlock.wire.sse import Sse

MODELS = "/v1beta/models"
CONTENTS = [{"parts": [{"text": "hello"}]}]


def view(path: str, body: Any = None, method: str = "POST") -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    return RequestView(method, path, (), (), "application/json", data)


def read(path: str, body: Any) -> tuple[Asked, Said]:
    operation = GEMINI.operation(view(path, body))
    assert operation
    return operation.read(view(path, body))


def generated(*parts: dict[str, Any], **given: Any) -> str:
    return json.dumps({"candidates": [{"content": {"parts": list(parts)}} | given]})


def names(stream: GenerateStream, *parts: dict[str, Any]) -> list[str]:
    return [run.name for run in stream.read(generated(*parts)).runs.values()]


@pytest.mark.parametrize(
    ("path", "operation", "model"),
    [
        ("/v1/models/small:generateContent", "generateContent", "small"),
        ("/v1beta/tunedModels/own-1:generateContent", "generateContent", "own-1"),
        ("/v1beta1/publishers/google/models/small:countTokens", "countTokens", "small"),
        (
            "/v1/projects/acme/locations/eu/publishers/meta/models/l@1:streamGenerateContent",
            "streamGenerateContent",
            "l@1",
        ),
        ("/v1/projects/acme/locations/eu/endpoints/123:generateContent", "generateContent", "123"),
    ],
)
def test_the_model_is_the_paths(path: str, operation: str, model: str) -> None:
    asked, _ = read(path, {"contents": CONTENTS})

    assert GEMINI.operation(view(path)) is GEMINI.named(operation)
    assert asked == Asked(model, stream=operation.startswith("stream"))


@pytest.mark.parametrize(
    "path",
    [
        f"{MODELS}/small:predict",
        f"{MODELS}/small:batchGenerateContent",
        f"{MODELS}/a/b:generateContent",
        f"{MODELS}/..:generateContent",
        "/v1/projects/../locations/eu/publishers/google/models/small:generateContent",
        f"{MODELS}/small%3AgenerateContent",
        "/upload/v1beta/files",
        "/v1beta/cachedContents",
    ],
)
def test_what_is_not_listed_is_no_call(path: str) -> None:
    assert GEMINI.operation(view(path)) is None


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (f"{MODELS}/small:generateContent", [], Malformed),
        (f"{MODELS}/small:generateContent", {"content": "x"}, Malformed),
        (f"{MODELS}/small:generateContent", {"contents": CONTENTS, "model": "models/large"}, Malformed),
        (f"{MODELS}/small:batchEmbedContents", {"requests": [{"model": "models/large"}]}, Malformed),
        (f"{MODELS}/small:countTokens", {"generateContentRequest": {"model": 7}}, Malformed),
        (
            f"{MODELS}/small:generateContent",
            {"contents": CONTENTS, "generation_config": {"routing_config": {"manual_mode": {"model_name": "large"}}}},
            Unsupported,
        ),
        (
            f"{MODELS}/small:generateContent",
            {"contents": CONTENTS, "generationConfig": {"modelSelectionConfig": {}}},
            Unsupported,
        ),
    ],
)
def test_no_other_model_than_the_paths_can_answer(path: str, body: Any, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(path, body)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"mimeType": "image/png"}, "image"),
        ({"mime_type": "AUDIO/wav"}, "audio"),
        ({"mimeType": "video/mp4"}, "video"),
        ({"mimeType": "text/plain"}, "file"),
        ({"mimeType": 7}, "file"),
        ({}, "file"),
    ],
)
def test_inline_data_is_told_by_its_type(given: dict[str, Any], kind: str) -> None:
    part = {"inline_data": {"data": "iVBORw0KGgo="} | given}
    _, said = read(f"{MODELS}/small:generateContent", {"contents": [{"parts": [part]}]})

    assert said.not_inspected == (NotInspected(kind, 12),)


def test_arguments_are_somebodys_own_json() -> None:
    call = {"functionCall": {"name": "f", "args": {"model": "Ann", "Ann Lee": {"text": 1}}}}
    _, said = read(f"{MODELS}/small:generateContent", {"contents": [{"parts": [call]}]})
    roles = {text.pointer.removeprefix("/contents/0/parts/0/functionCall"): text.role for text in said.texts}

    assert roles["/name"] is Role.PARAMETER
    assert roles["/args/model"] is Role.CONTENT
    assert roles["key:/contents/0/parts/0/functionCall/args/Ann Lee"] is Role.KEY
    assert roles["/args/Ann Lee/text"] is Role.NUMBER


def test_parts_of_one_kind_are_one_text_until_another_kind_comes() -> None:
    stream = GenerateStream()
    call = {"functionCall": {"name": "f", "args": {}}}

    (thought,) = names(stream, {"text": "a", "thought": True})
    one, again = names(stream, {"text": "b"}, {"text": "c"})
    assert names(stream, {"text": "", "thoughtSignature": "c2ln"}, call) == [one]
    assert names(stream, {"thoughtSignature": "c2ln"}) == []
    (after,) = names(stream, {"text": "d"})
    assert one == again
    assert len({thought, one, after}) == 3
    assert after.startswith(stream.read(generated(call)).ended)


def test_each_argument_that_comes_in_pieces_is_a_text_of_its_own() -> None:
    stream = GenerateStream()

    def piece(path: str, **given: Any) -> dict[str, Any]:
        return {"functionCall": given | {"partialArgs": [{"jsonPath": path, "stringValue": "x"}]}}

    (one,) = names(stream, piece("$.a", name="f"))
    assert names(stream, piece("$.a")) == [one]
    assert names(stream, piece("$.b")) != [one]
    assert names(stream, piece("$.a", name="g")) != [one]


@pytest.mark.parametrize(
    ("frames", "complete"),
    [
        ([], False),
        ([generated({"text": "a"})], False),
        ([generated({"text": "a"}, finishReason="STOP"), generated({"text": "b"})], True),
        ([generated({"text": "a"}), generated({"text": "b"}, finish_reason="STOP")], True),
        ([generated({"text": "a"}), generated({"text": "b"}, index=1, finishReason="STOP")], False),
        ([json.dumps({"promptFeedback": {"blockReason": "SAFETY"}})], True),
    ],
)
def test_a_stream_is_complete_when_all_of_its_candidates_are(frames: list[str], complete: bool) -> None:
    stream = GenerateStream()
    for frame in frames:
        stream.read(frame)

    assert stream.complete is complete


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        '"x"',
        '{"candidates": {}}',
        '{"candidates": ["x"]}',
        '{"candidates": [{"index": -1}]}',
        '{"candidates": 1}',
    ],
)
def test_a_frame_that_is_no_reply_is_refused(frame: str) -> None:
    with pytest.raises(BadReply, match="stream-shape"):
        GenerateStream().read(frame)


def chosen(*tokens: str) -> dict[str, Any]:
    return {"chosenCandidates": [{"token": token, "tokenId": 1} for token in tokens]}


@pytest.mark.parametrize(("tokens", "exact"), [(("Ma", "ria"), True), (("Ma",), False), ((), False)])
def test_tokens_go_where_the_text_that_they_spell_is_masked(tokens: tuple[str, ...], exact: bool) -> None:
    frame = generated({"text": "Maria"}, logprobsResult=chosen(*tokens))
    said = GEMINI.named("generateContent").read_reply(frame.encode())
    event = GenerateStream().read(frame)
    place = "/candidates/0/logprobsResult"

    for told in (said, event):
        spelled = {where for one in told.spelled.values() for spelt in one for where in spelt.places}
        assert (spelled, place in told.dropped) == (({place}, False) if exact else (set(), True))


def test_an_excerpt_goes_where_its_text_is_masked_and_from_a_stream_at_once() -> None:
    support = {"groundingSupports": [{"segment": {"text": "ria"}}]}
    frame = generated({"text": "Maria"}, groundingMetadata=support)
    said = GEMINI.named("generateContent").read_reply(frame.encode())
    place = "/candidates/0/groundingMetadata/groundingSupports/0/segment/text"

    assert said.spelled["/candidates/0/content/parts/0/text"][0].places == (place,)
    assert GenerateStream().read(frame).dropped == (place,)


def test_a_refusal_is_an_error_in_googles_words() -> None:
    refused = Forbidden("cut-off", "This identity was cut off.", because=("rule-a",))
    headers, body = GEMINI.refusal(refused, "e1")
    said = json.loads(body)

    assert dict(headers)["weighlock-exchange"] == "e1"
    assert said["error"]["code"] == 403
    assert said["error"]["status"] == "PERMISSION_DENIED"
    assert "rule-a" in said["error"]["message"]
    assert said["type"] == "urn:weighlock:cut-off"
    assert "status" not in said


def test_the_frame_that_ends_a_stream_begins_as_the_sdk_looks_for_it() -> None:
    frame = GEMINI.named("streamGenerateContent").error_frame(
        GEMINI.problem(Forbidden("cut-off", "This identity was cut off."), "e1")
    )

    assert Sse().encode(frame).startswith(b'data: {"error":')
    assert Array().encode(frame).startswith(b'[{"error":')
    assert json.loads(frame.data)["error"]["code"] == 403


def test_a_signature_that_is_text_is_inspected_as_one() -> None:
    for value, role in ((base64.b64encode(bytes(range(200, 240))).decode(), Role.PARAMETER), ("Maria", Role.CONTENT)):
        part = {"text": "", "thoughtSignature": value}
        _, said = read(f"{MODELS}/small:generateContent", {"contents": [{"parts": [part]}]})

        assert {text.value: text.role for text in said.texts}[value] is role


def test_the_sdk_raises_on_the_frame_that_ends_a_stream() -> None:
    genai = pytest.importorskip("google.genai")
    refused = GEMINI.says(Forbidden("cut-off", "This identity was cut off."), "e1")
    frames = (Frame(generated({"text": "so"})), GEMINI.named("streamGenerateContent").error_frame(refused))
    data = b"".join(map(Sse().encode, frames))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=data))
    options = {"httpx_client": httpx.Client(transport=transport)}
    chunks = genai.Client(api_key="weighlock", http_options=options).models.generate_content_stream(
        model="small", contents="hello"
    )

    assert next(chunks).text == "so"
    with pytest.raises(genai.errors.APIError, match="cut off"):
        next(chunks)
