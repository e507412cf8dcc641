from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai as sdk
import pytest

from dialects.matrix import PLANTED, Case, cases, hidden, masked_body
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.openai import DIALECT as OPENAI
from weighlock.dialects.openai_responses_fields import RESPONSES as FIELDS
from weighlock.dialects.openai_responses_stream import ResponseStream
from weighlock.errors import BadReply, Forbidden, Malformed, Refused, Unsupported
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.model import Role
from weighlock.wire import jsontext
from weighlock.wire.framing import Frame
from weighlock.wire.jsontext import Document
from weighlock.wire.sse import Sse

SEALED = base64.urlsafe_b64encode(hashlib.sha512(b"sealed").digest()).decode()
RESPONSES = "/v1/responses"
CARD = "4111111111111111"


def view(body: Any = None, path: str = RESPONSES, method: str = "POST", **query: str) -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    return RequestView(method, path, tuple(query.items()), (), "application/json", data)


def asking(*items: Any, **given: Any) -> dict[str, Any]:
    return {"model": "small", "input": list(items)} | given


def read(view: RequestView) -> tuple[Asked, Said]:
    operation = OPENAI.operation(view)
    assert operation
    return operation.read(view)


def client(answer: Any) -> sdk.OpenAI:
    transport = httpx.MockTransport(answer)
    return sdk.OpenAI(
        api_key="weighlock", base_url="https://llm.example/v1", http_client=httpx.Client(transport=transport)
    )


def streamed(data: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)


def case(name: str) -> Case:
    return next(one for one in cases() if one.path.parent.name == "openai-responses" and one.path.stem == name)


def planted(name: str, **told: str) -> bytes:
    """The stream of a case, masked, with some of its words changed first."""
    said = json.dumps(case(name).said)
    for old, new in told.items():
        said = said.replace(old.replace("_", " "), new)
    stream = Case(case(name).path, json.loads(said)).streams["reply"]
    return b"".join(stream.masked(stream.written(stream.frames)))


def test_every_text_of_a_request_has_its_place_and_role() -> None:
    body = asking(
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"to": "Ann", "n": 1}'},
        {"type": "tool_search_call", "arguments": {"type": "Ann"}},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": SEALED},
        {"type": "reasoning", "summary": [], "encrypted_content": "Maria Lopez"},
        instructions="Be brief.",
        metadata={"Ann Lee": "x"},
        prompt={"id": "p", "variables": {"name": "Ann", "type": "b"}},
        tools=[{"type": "function", "name": "look", "parameters": {"properties": {"type": {"type": "string"}}}}],
    )
    found = {text.pointer: text.role for text in read(view(body))[1].texts}

    content = (
        "/input/0/content/0/text /input/1/arguments~>/to /input/2/arguments/type /input/3/summary/0/text /instructions "
        "/input/4/encrypted_content /prompt/variables/name /prompt/variables/type "
        "/tools/0/parameters/properties/type/type"
    )
    words = "/input/0/role /input/1/name /input/1/call_id /input/3/encrypted_content /prompt/id /tools/0/name /model"
    assert {found[pointer] for pointer in content.split()} == {Role.CONTENT}
    assert {found[pointer] for pointer in words.split()} == {Role.PARAMETER}
    assert found["key:/metadata/Ann Lee"] is Role.KEY
    assert "key:/instructions" not in found


@pytest.mark.parametrize(
    ("item", "kinds"),
    [
        ({"type": "image_generation_call", "result": "iVBORw0KGgo="}, ["image"]),
        ({"type": "image_generation_call", "result": "Maria Lopez"}, []),
        ({"type": "program_output", "result": "MariaLopez"}, []),
        ({"content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}]}, ["image"]),
        ({"content": [{"type": "input_image", "image_url": "https://pictures.example/maria.png"}]}, []),
        ({"content": [{"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0="}]}, ["file"]),
        ({"content": [{"type": "input_audio", "input_audio": {"data": "UklGRg=="}}]}, ["audio"]),
    ],
)
def test_what_nobody_can_read_is_told_apart(item: dict[str, Any], kinds: list[str]) -> None:
    _, said = read(view(asking(item)))

    assert [one.kind for one in said.not_inspected] == kinds


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (view([]), Malformed),
        (view({"model": "m", "input": [3]}), Malformed),
        (view({"model": "m", "input": {"role": "user"}}), Malformed),
        (view({"model": "m", "input": "hi", "stream": "yes"}), Malformed),
        (view({"items": "hi"}, "/v1/conversations"), Malformed),
        (view([], "/v1/conversations"), Malformed),
        (view(None, f"{RESPONSES}/resp_1", "GET", stream="true", starting_after="3"), Unsupported),
    ],
    ids=["list", "numbers", "object", "stream", "items", "conversation", "resumed"],
)
def test_what_cannot_be_inspected_is_refused(request_: RequestView, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(request_)


def test_a_prompt_holds_images_and_files_among_its_variables() -> None:
    variables = {
        "a": {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
        "b": {"type": "input_file", "file_data": "JVBERi0=", "filename": "MariaLopez"},
        "image_url": "MariaLopez",
    }
    _, said = read(view(asking(prompt={"id": "p", "variables": variables})))

    assert [one.kind for one in said.not_inspected] == ["image", "file"]
    assert [text.value for text in said.texts].count("MariaLopez") == 2


def test_a_line_of_a_batch_is_read_as_a_response_is() -> None:
    part = {"type": "output_text", "text": PLANTED, "logprobs": [{"token": PLANTED[:3]}, {"token": PLANTED[3:]}]}
    body = asking({"role": "assistant", "content": [part]})
    line = json.dumps({"custom_id": "a", "method": "POST", "url": RESPONSES, "body": body})
    file = {"file": ("batch.jsonl", line.encode(), "application/jsonl")}
    form = httpx.Request("POST", "https://llm.example/v1/files", files=file, data={"purpose": "batch"})
    asked = RequestView("POST", "/v1/files", (), (), form.headers["content-type"], form.read())
    out = masked_body(read(asked)[1]).decode()

    assert '"text":"<6>","logprobs":[]' in out


def test_a_prompt_may_name_the_model_and_a_stored_response_may_be_streamed() -> None:
    assert read(view({"prompt": {"id": "p"}}))[0] == Asked("", stream=False)
    assert read(view(None, f"{RESPONSES}/resp_1", "GET", stream="true"))[0].stream
    assert not read(view(None, f"{RESPONSES}/resp_1", "GET"))[0].stream


def test_token_probabilities_of_earlier_answers_stay_here() -> None:
    part = {"type": "output_text", "text": PLANTED, "logprobs": [{"token": PLANTED[:3]}, {"token": PLANTED[3:]}]}
    body = asking({"role": "assistant", "content": [part]})
    out = json.loads(masked_body(read(view(body))[1]))

    assert out["input"][0]["content"] == [part | {"text": "<6>", "logprobs": []}]


def test_token_probabilities_that_spell_what_is_masked_are_left_out() -> None:
    tokens = [{"token": token, "bytes": list(token.encode())} for token in ("so ", PLANTED[:3], PLANTED[3:], " it is")]
    text = "".join(token["token"] for token in tokens)
    part = {"type": "output_text", "text": text, "logprobs": tokens}
    said = OPENAI.named("responses").read_reply(json.dumps({"output": [{"content": [part]}]}).encode())
    pointer = "/output/0/content/0/text"

    assert list(hidden(said.texts)) == [pointer]
    assert [one.places for one in said.spelled[pointer]] == [(f"/output/0/content/0/logprobs/{n}",) for n in range(4)]


def test_token_probabilities_of_a_stream_go_with_what_is_masked() -> None:
    tokens = ("so ", PLANTED[:3], PLANTED[3:], " it is")
    spelt = [{"token": token, "logprob": -1, "bytes": list(token.encode()), "top_logprobs": []} for token in tokens]
    text = "".join(tokens)
    done = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": text, "logprobs": spelt}
    item = {"type": "message", "content": [{"type": "output_text", "text": text, "logprobs": spelt}]}
    events = [
        *(delta(one["token"], logprobs=[one]) for one in spelt),
        done,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    ]
    stream = replace(
        case("responses_spelled").streams["reply"], frames=tuple(Frame(json.dumps(event)) for event in events)
    )
    out = [json.loads(frame.data) for frame in stream.read(stream.masked(stream.written(stream.frames)))]

    assert [event["delta"] for event in out[:4]] == ["so ", "<6>", "", " it is"]
    assert [len(event["logprobs"]) for event in out[:5]] == [1, 0, 0, 1, 2]
    assert [one["token"] for one in out[5]["item"]["content"][0]["logprobs"]] == ["so ", " it is"]
    assert out[6]["response"]["output"][0] == out[5]["item"]


@pytest.mark.parametrize("kind", ["function_call_arguments", "mcp_call_arguments"])
def test_arguments_that_arrive_in_pieces_are_masked_as_they_are_when_repeated_whole(kind: str) -> None:
    """A number that is masked becomes a string, and a replacement may hold quotation marks."""
    said = f'{{"number": {CARD}, "note": "of {CARD}"}}'
    place = {"type": f"response.{kind}.delta", "output_index": 0, "item_id": "a"}
    events = [place | {"delta": piece} for piece in (said[:16], said[16:40], said[40:])]
    events.append({"type": f"response.{kind}.done", "output_index": 0, "item_id": "a", "arguments": said})
    masker = StreamMasker(Sse(), ResponseStream(), 1 << 20)
    texts = masker.feed(b"".join(Sse().encode(Frame(json.dumps(event))) for event in events))
    rewrites = {
        text.pointer: [Rewrite(found.start(), found.end(), 'a "card"') for found in re.finditer(CARD, text.value)]
        for text in texts
        if CARD in text.value
    }

    *pieces, done = [json.loads(frame.data) for frame in Sse().feed(b"".join(masker.release(rewrites)))]

    assert json.loads(done["arguments"]) == {"number": 'a "card"', "note": 'of a "card"'}
    assert "".join(piece["delta"] for piece in pieces) == done["arguments"]


def delta(text: str, **given: Any) -> dict[str, Any]:
    event = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "a", "delta": text}
    return event | given


def read_all(*events: Any) -> list[Any]:
    shape = ResponseStream()
    return [shape.read(event if isinstance(event, str) else json.dumps(event)) for event in events]


def test_deltas_continue_each_other_by_indices_though_their_ids_change() -> None:
    events = read_all(delta("a"), delta("b", item_id="b"), delta("c", content_index=1), delta("d", output_index=1))
    first, second, third, fourth = [event.runs["/delta"].name for event in events]

    assert first == second
    assert len({second, third, fourth}) == 3


def test_a_run_ends_with_its_part_or_its_item() -> None:
    done = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "a"}
    item = {"type": "response.output_item.done", "output_index": 0, "item": {}}
    first, second, *ends = read_all(delta("a"), delta("c", content_index=1), done, item)

    assert ends[0].ended == (first.runs["/delta"].name,)
    assert second.runs["/delta"].name.startswith(ends[1].ended)


def test_a_delta_that_is_not_known_yet_runs_on_with_all_that_it_says() -> None:
    event = {
        "type": "response.new.delta",
        "output_index": 2,
        "delta": {"a": "x", "b": ["y"]},
        "remark": "z",
        "status": "w",
    }
    first, second = read_all(event, event)

    assert set(first.runs) == {"/delta/a", "/delta/b/0", "/remark"}
    assert first.runs == second.runs
    assert [text.pointer for text in first.texts] == [
        "/type",
        "/output_index",
        "key:/delta/a",
        "key:/delta/b",
        "key:/remark",
        "/status",
    ]


@pytest.mark.parametrize(
    "events",
    [
        [[]],
        [{"delta": "x"}],
        [delta("x", output_index="0")],
        [{"type": "response.audio.delta", "delta": "Maria Lopez"}],
        ["[DONE]"],
        [
            {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"text": "x"}},
            delta("y"),
        ],
        [{"type": "response.output_item.added", "output_index": 0, "item": {"content": [{"text": "x"}]}}, delta("y")],
        [{"type": "response.completed", "response": {}}, delta("y")],
    ],
    ids=["list", "no-type", "index", "audio", "done", "part", "item", "after-end"],
)
def test_a_stream_of_another_shape_is_refused(events: list[Any]) -> None:
    *before, wrong = [event if isinstance(event, str) else json.dumps(event) for event in events]
    shape = ResponseStream()
    for event in before:
        shape.read(event)
    with pytest.raises(Refused) as caught:
        shape.read(wrong)

    assert isinstance(caught.value, BadReply | Malformed)


def test_a_stream_is_complete_with_its_last_event() -> None:
    shape = ResponseStream()
    shape.read(json.dumps(delta("x")))
    assert not shape.complete
    shape.read(json.dumps({"type": "error", "message": "no"}))
    assert shape.complete
    shape.read(json.dumps({"type": "response.failed", "response": {}}))
    assert shape.read("[DONE]").last


def test_the_sdk_reads_a_masked_stream() -> None:
    data = planted("responses", **{"_sunny._And": f" {PLANTED[:2]}", "_warm.": f"{PLANTED[2:]} warm."})
    with client(lambda _: streamed(data)) as own, own.responses.stream(model="small", input="hi") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        response = stream.get_final_response()

    assert text == "It is <6> warm."
    assert response.output[0].type == "reasoning"
    assert response.output[1].content[0].text == "It is <6> warm."


def test_the_async_sdk_reads_masked_tool_calls() -> None:
    data = planted("responses_tools", the_gar=f"the {PLANTED[:4]}", den=f"{PLANTED[4:]}den")

    async def all_of_it() -> list[Any]:
        transport = httpx.MockTransport(lambda _: streamed(data))
        async with sdk.AsyncOpenAI(
            api_key="weighlock", base_url="https://llm.example/v1", http_client=httpx.AsyncClient(transport=transport)
        ) as own:
            return [event async for event in await own.responses.create(model="small", input="hi", stream=True)]

    events = asyncio.run(all_of_it())
    arguments = "".join(one.delta for one in events if one.type == "response.function_call_arguments.delta")

    assert json.loads(arguments) == {"place": "the <6>den", "days": [1, "two"]}
    assert events[-1].type == "response.incomplete"


def test_the_sdk_raises_on_the_event_that_ends_a_stream() -> None:
    begun = case("responses").streams["reply"]
    said = OPENAI.problem(Forbidden("cut-off", "This identity was cut off."), "e1")
    event = b"".join(begun.written(begun.frames[:4])) + Sse().encode(OPENAI.named("responses").error_frame(said))
    with (
        client(lambda _: streamed(event)) as own,
        own.responses.stream(model="small", input="hi") as stream,
        pytest.raises(sdk.APIError, match="cut off") as caught,
    ):
        list(stream)

    assert caught.value.code == "cut-off"


def test_every_member_of_the_published_schema_is_known() -> None:
    schema = json.loads((Path(__file__).parent / "schemas" / "openai-responses.json").read_text())

    assert set(schema["members"]) <= FIELDS.keys
    assert len(schema["strings"]) > 150


def test_a_member_that_no_schema_has_is_somebodys_data() -> None:
    texts, _ = FIELDS.read(Document(jsontext.parse(b'{"type": "message", "later": "Maria Lopez"}').value))

    assert [(text.pointer, text.role) for text in texts] == [
        ("/type", Role.PARAMETER),
        ("key:/later", Role.KEY),
        ("/later", Role.CONTENT),
    ]
