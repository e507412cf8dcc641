from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import anthropic as sdk
import httpx2
import pytest

from dialects.matrix import PLANTED, Case, cases, masked_body
from weighlock.dialects.anthropic import DIALECT as ANTHROPIC
from weighlock.dialects.anthropic_fields import ANTHROPIC as FIELDS
from weighlock.dialects.anthropic_stream import MessageStream
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.errors import BadReply, Forbidden, Malformed, Refused, TooLarge, Unavailable, Unsupported
from weighlock.model import Role
from weighlock.wire import jsontext
from weighlock.wire.sse import Sse

SEALED = base64.b64encode(hashlib.sha512(b"sealed").digest()).decode()
MESSAGES = "/v1/messages"
BATCH = "/v1/messages/batches/msgbatch_1"


def view(body: Any = None, path: str = MESSAGES, method: str = "POST") -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    return RequestView(method, path, (), (), "application/json", data)


def asking(*content: Any, **given: Any) -> dict[str, Any]:
    return {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": list(content)}]} | given


def read(view: RequestView) -> tuple[Asked, Said]:
    operation = ANTHROPIC.operation(view)
    assert operation
    return operation.read(view)


def roles(body: Any) -> dict[str, Role]:
    return {text.pointer: text.role for text in read(view(body))[1].texts}


def client(answer: Any) -> sdk.Anthropic:
    transport = httpx2.MockTransport(answer)
    return sdk.Anthropic(api_key="weighlock", http_client=httpx2.Client(transport=transport), max_retries=1)


def streamed(data: bytes) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)


def case(name: str) -> Case:
    return next(one for one in cases() if one.path.parent.name == "anthropic" and one.path.stem == name)


def planted(name: str) -> bytes:
    """The stream of a case, masked, with what is planted in its texts and tool arguments, over two frames each."""
    told = json.dumps(case(name).said)
    for whole in ("user wants", "Let me", "the garden", "weather. So", "garden"):
        told = told.replace(f"{whole}", f"{whole} {PLANTED}")
    for first, second in (("the gar", "den"), ("It", " is sunny."), ("wea", "ther")):
        told = told.replace(f'{first}"', f'{first}{PLANTED[:3]}"').replace(f'"{second}', f'"{PLANTED[3:]}{second}')
    one = Case(case(name).path, json.loads(told))
    stream = one.streams["reply"]
    parts = stream.written(stream.frames)
    assert PLANTED.encode() in b"".join(parts)
    return b"".join(stream.masked(parts))


def test_every_text_of_a_request_has_its_place_and_role() -> None:
    found = roles(
        asking(
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "t", "name": "look", "input": {"type": "Ann", "n": 1}},
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "there"}]},
            {"type": "document", "title": "Ann", "source": {"type": "text", "data": "MariaLopez"}},
            system="Be brief.",
            metadata={"Ann Lee": "x"},
            tools=[{"name": "look", "input_schema": {"properties": {"Ann": {"type": "string"}}}}],
        )
    )

    at = "/messages/0/content"
    assert found[f"{at}/0/text"] is found["/system"] is found[f"{at}/2/content/0/text"] is Role.CONTENT
    assert found[f"{at}/0/type"] is found[f"{at}/1/name"] is found["/tools/0/name"] is Role.PARAMETER
    assert found[f"{at}/1/input/type"] is Role.CONTENT
    assert found[f"key:{at}/1/input/type"] is found["key:/metadata/Ann Lee"] is Role.KEY
    assert found[f"{at}/1/input/n"] is Role.NUMBER
    assert found[f"{at}/3/source/data"] is Role.CONTENT
    assert found["/tools/0/input_schema/properties/Ann/type"] is Role.CONTENT
    assert "key:/messages" not in found


@pytest.mark.parametrize("member", ["signature", "data", "encrypted_content", "encrypted_index", "encrypted_stdout"])
def test_what_only_the_vendor_reads_is_a_word_and_a_text_in_its_place_is_none(member: str) -> None:
    def role(value: str) -> Role:
        return roles(asking({"type": "thinking", "thinking": "x", member: value}))[f"/messages/0/content/0/{member}"]

    assert role(SEALED) is Role.PARAMETER
    assert role("Maria Lopez lives here") is Role.CONTENT
    assert role("MariaLopez") is Role.CONTENT
    assert role(base64.b64encode(b"Maria Lopez lives here, behind the old mill.").decode()) is Role.CONTENT


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}, ["image"]),
        ({"type": "base64", "media_type": "application/pdf", "data": "JVBE\nRi0="}, ["file"]),
        ({"type": "base64", "media_type": "image/png", "data": "Maria Lopez"}, []),
        ({"type": "text", "media_type": "text/plain", "data": "MariaLopez"}, []),
    ],
)
def test_what_nobody_can_read_is_told_apart(source: dict[str, str], kinds: list[str]) -> None:
    block = {"type": "document", "source": source}
    _, said = read(view(asking(block, {"type": "tool_result", "content": [block]})))
    _, free = read(view(asking({"type": "tool_use", "input": {"source": source}})))

    assert [one.kind for one in said.not_inspected] == kinds * 2
    assert (source["data"] in [text.value for text in said.texts]) is not bool(kinds)
    assert free.not_inspected == ()
    assert source["data"] in [text.value for text in free.texts]


@pytest.mark.parametrize(
    ("body", "path", "kind"),
    [
        ([], MESSAGES, Malformed),
        ({"model": "m"}, MESSAGES, Malformed),
        (asking(stream="yes"), MESSAGES, Malformed),
        ({"requests": []}, f"{MESSAGES}/batches", Malformed),
        ({"requests": [{"custom_id": "a"}]}, f"{MESSAGES}/batches", Malformed),
        (
            {"requests": [{"params": asking()}, {"params": asking(model="large")}]},
            f"{MESSAGES}/batches",
            Unsupported,
        ),
        ([], "/model/small/invoke", Malformed),
    ],
)
def test_what_cannot_be_read_is_refused(body: Any, path: str, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(view(body, path))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/model/eu.anthropic.small-v1%3A0/invoke", "eu.anthropic.small-v1:0"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/small@2:rawPredict", "small@2"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/small:streamRawPredict", "small"),
        ("/anthropic/v1/messages", "body"),
    ],
)
def test_clouds_name_the_model_in_the_path(path: str, model: str) -> None:
    assert read(view(asking(model="body"), path))[0].model == model


@pytest.mark.parametrize(
    "path", ["/v1/complete", "/v1/files", "/model/m/converse", "/model/m/invoke-with-response-stream", "/v1/messages/x"]
)
def test_what_is_not_known_is_no_operation(path: str) -> None:
    assert ANTHROPIC.operation(view({}, path)) is None


@pytest.mark.parametrize(
    "frames",
    [
        [{"type": "content_block_delta", "index": 0, "delta": {"signature": SEALED}}] * 2,
        [{"type": "content_block_delta", "index": "0", "delta": {"text": "x"}}],
        [{"type": "content_block_delta", "index": 0, "delta": "x"}],
        [[]],
    ],
    ids=["sealed-twice", "index", "delta", "list"],
)
def test_a_stream_of_another_shape_is_refused(frames: list[Any]) -> None:
    shape = MessageStream()
    *before, wrong = [json.dumps(frame) for frame in frames]
    for frame in before:
        shape.read(frame)
    with pytest.raises(BadReply, match="stream-shape"):
        shape.read(wrong)


@pytest.mark.parametrize("kind", ["message_stop", "error"])
def test_a_stream_is_complete_with_its_last_event(kind: str) -> None:
    shape = MessageStream()
    assert not shape.complete
    with pytest.raises(Malformed):
        shape.read("[DONE]")
    shape.read(json.dumps({"type": kind}))

    assert shape.complete
    with pytest.raises(BadReply, match="stream-after-end"):
        shape.read(json.dumps({"type": "ping"}))
    assert shape.read("[DONE]").last


def test_the_sdk_reads_a_masked_stream() -> None:
    data = planted("messages") + b"data: [DONE]\n\n"
    with (
        client(lambda _: streamed(data)) as own,
        own.messages.stream(**asking()) as stream,
    ):
        text = "".join(stream.text_stream)
        message = stream.get_final_message()

    blocks = {block.type: block for block in reversed(message.content)}
    assert blocks["thinking"].thinking == "The user wants <6> the weather. So <6> look it up."
    assert text == "Let me <6> look. It<6> is sunny.over, a text that began at its start."
    assert blocks["text"].text == "Let me <6> look. It<6> is sunny."
    assert [one.type for one in blocks["text"].citations or []][3:] == [
        "web_search_result_location",
        "search_result_location",
    ]
    assert blocks["tool_use"].input == {"place": "the gar<6>den", "days": 12}
    assert blocks["server_tool_use"].input == {"query": "wea<6>ther"}
    assert message.stop_details is not None
    assert message.stop_details.category == "bio"


def test_the_async_sdk_reads_a_masked_stream_of_a_beta() -> None:
    data = planted("messages")

    async def all_of_it() -> Any:
        transport = httpx2.MockTransport(lambda _: streamed(data))
        async with (
            sdk.AsyncAnthropic(api_key="weighlock", http_client=httpx2.AsyncClient(transport=transport)) as own,
            own.beta.messages.stream(**asking()) as stream,
        ):
            return await stream.get_final_message()

    message = asyncio.run(all_of_it())

    assert message.content[3].input == {"place": "the gar<6>den", "days": 12}
    assert message.content[4].type == "server_tool_use"


def test_the_sdk_reads_a_masked_reply() -> None:
    said = case("messages").said["reply"]
    reply = json.dumps(said).replace("It is sunny.", f"It is {PLANTED}.").encode()
    body = masked_body(ANTHROPIC.named("messages").read_reply(reply))
    with client(lambda _: httpx2.Response(200, headers={"content-type": "application/json"}, content=body)) as own:
        message = own.messages.create(**asking())

    assert message.content[2].text == "It is <6>."
    assert message.content[0].signature == said["content"][0]["signature"]


def test_the_sdk_reads_masked_results_of_a_batch() -> None:
    def line(name: str, text: str) -> str:
        message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]}
        return json.dumps({"custom_id": name, "result": {"type": "succeeded", "message": message}}) + "\n"

    results = (line("a", "fine") + line("b", f"so {PLANTED}")).encode()
    said = ANTHROPIC.named("batches.results").read_reply(results, "application/x-jsonl")
    assert said.body is not None
    masked = masked_body(said)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/results"):
            assert said.body is not None
            return httpx2.Response(200, headers={"content-type": said.body.media}, content=masked)
        batch = case("batches_retrieve").said["reply"]
        return httpx2.Response(200, json=batch)

    with client(answer) as own:
        found = {
            one.custom_id: one.result.message.content[0].text for one in own.messages.batches.results("msgbatch_1")
        }

    assert found == {"a": "fine", "b": "so <6>"}
    with pytest.raises(BadReply, match="reply-unreadable"):
        ANTHROPIC.named("batches.results").read_reply(results + b"{", "application/x-jsonl")


@pytest.mark.parametrize(
    ("refused", "kind", "type_"),
    [
        (
            Forbidden("policy-blocked", "Not this.", next_step="Do that.", because=("a", "b")),
            "Permission",
            "permission",
        ),
        (Malformed("json-malformed", "No JSON."), "BadRequest", "invalid_request"),
        (TooLarge("too-large", "Too much."), "ContentTooLarge", "request_too_large"),
        (Unavailable("not-ready", "Not now."), "ServiceUnavailable", "api"),
    ],
    ids=["forbidden", "malformed", "too-large", "unavailable"],
)
def test_the_sdk_shows_a_refusal_and_retries_only_where_it_may_help(refused: Refused, kind: str, type_: str) -> None:
    headers, body = ANTHROPIC.refusal(refused, "e1")
    calls: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        return httpx2.Response(refused.status, headers=[*headers, ("retry-after-ms", "1")], content=body)

    with client(answer) as own, pytest.raises(sdk.APIStatusError) as caught:
        own.messages.create(**asking())

    assert type(caught.value).__name__.startswith(kind)
    assert str(caught.value.type).startswith(type_)
    assert caught.value.error_code == refused.code
    assert all(word in str(caught.value.api_message) for word in (refused.reason, refused.next_step, *refused.because))
    assert len(calls) == (2 if refused.retry else 1)
    assert json.loads(body)["instance"] == "urn:weighlock:exchange:e1"


def test_the_sdk_raises_on_the_event_that_ends_a_stream() -> None:
    said = ANTHROPIC.problem(Forbidden("cut-off", "This identity was cut off."), "e1")
    begun = case("messages").streams["reply"]
    event = b"".join(begun.written(begun.frames[:6])) + Sse().encode(ANTHROPIC.named("messages").error_frame(said))
    with client(lambda _: streamed(event)) as own, pytest.raises(sdk.APIStatusError, match="cut off") as caught:
        list(own.messages.create(**asking(), stream=True))

    assert caught.value.error_code == "cut-off"


def test_every_member_of_the_published_schema_is_known() -> None:
    schema = json.loads((Path(__file__).parent / "schemas" / "anthropic.json").read_text())

    assert set(schema["members"]) <= FIELDS.keys
    assert len(schema["strings"]) > 150


def test_a_member_that_no_schema_has_is_somebodys_data() -> None:
    texts, _ = FIELDS.read(jsontext.Document({"type": "text", "later": "Maria Lopez"}))

    assert [(text.pointer, text.role) for text in texts] == [
        ("/type", Role.PARAMETER),
        ("key:/later", Role.KEY),
        ("/later", Role.CONTENT),
    ]
