from __future__ import annotations

import json
from typing import Any

import httpx
import openai as sdk
import pytest

from builders import a_destination
from weighlock import dialects
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import outer_texts
from weighlock.dialects.generic import DIALECT as GENERIC
from weighlock.dialects.openai import DIALECT as OPENAI
from weighlock.errors import Forbidden, Malformed, Refused, Unavailable, Unsupported
from weighlock.model import Role
from weighlock.wire.sse import Sse


def view(body: Any = None, *, method: str = "POST", path: str = "/v1/chat/completions", **given: Any) -> RequestView:
    data = b"" if body is None else json.dumps(body).encode()
    defaults: dict[str, Any] = {"query": (), "headers": (), "content_type": "application/json", "body": data}
    return RequestView(method=method, path=path, **defaults | given)


def chat(**given: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [{"role": "user", "content": "hello"}]} | given


def read(view: RequestView) -> tuple[Asked, Said]:
    operation = OPENAI.operation(view)
    assert operation
    return operation.read(view)


def roles(body: Any) -> dict[str, Role]:
    return {text.pointer: text.role for text in read(view(body))[1].texts}


def test_every_text_of_a_request_has_its_place_and_role() -> None:
    found = roles(
        chat(
            messages=[
                {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "hi"}]},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"to": "Ann", "n": 1}'}}],
                },
            ],
            metadata={"Ann Lee": "x"},
            temperature=0.5,
        )
    )

    assert found["/messages/0/content/0/text"] is Role.CONTENT
    assert found["/messages/0/name"] is Role.CONTENT
    assert found["/messages/0/role"] is Role.PARAMETER
    assert found["/model"] is Role.PARAMETER
    assert found["/messages/1/tool_calls/0/function/name"] is Role.PARAMETER
    assert found["/messages/1/tool_calls/0/function/arguments~>/to"] is Role.CONTENT
    assert found["/messages/1/tool_calls/0/function/arguments~>/n"] is Role.NUMBER
    assert found["key:/metadata/Ann Lee"] is Role.KEY
    assert found["/metadata/Ann Lee"] is Role.CONTENT
    assert found["/temperature"] is Role.NUMBER
    assert "key:/messages" not in found


def test_path_query_and_headers_are_texts_too() -> None:
    asked = view(chat(), path="/v1/chat/completions", query=(("a", "b c"),), headers=(("user-agent", "x"),))
    texts = {text.pointer: (text.role, text.value) for text in outer_texts(asked)}

    assert texts["path"] == (Role.PATH, "/v1/chat/completions")
    assert texts["query:a"] == (Role.QUERY, "a=b c")
    assert texts["header:user-agent"] == (Role.HEADER, "x")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, Malformed),
        ([], Malformed),
        ({"model": "m"}, Malformed),
        ({"messages": []}, Malformed),
        (chat(model=7), Malformed),
        (chat(stream="yes"), Malformed),
        (chat(prompt_token_ids=[1, 2]), Unsupported),
    ],
)
def test_what_cannot_be_inspected_is_refused(body: Any, kind: type[Refused]) -> None:
    with pytest.raises(kind):
        read(view(body))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}, "image"),
        ({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}, "audio"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}, "file"),
    ],
)
def test_what_nobody_can_read_is_told_apart(part: dict[str, Any], kind: str) -> None:
    _, said = read(view(chat(messages=[{"role": "user", "content": [part]}])))

    assert [one.kind for one in said.not_inspected] == [kind]


@pytest.mark.parametrize("url", ["https://pictures.example/maria.png", "data:text/plain,Maria Lopez", "Maria Lopez"])
def test_a_place_of_media_that_holds_text_is_inspected(url: str) -> None:
    _, said = read(view(chat(messages=[{"content": [{"type": "image_url", "image_url": {"url": url}}]}])))

    assert said.not_inspected == ()
    assert url in [text.value for text in said.texts]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_json_is_refused(media: str) -> None:
    with pytest.raises(Unsupported, match="media-type"):
        read(view(chat(), content_type=media))


def test_the_first_listed_dialect_that_knows_the_request_reads_it() -> None:
    both = a_destination(dialects=("openai", "generic"))

    assert dialects.choose(view(chat()), both)[0] is OPENAI
    assert dialects.choose(view({}, path="/other"), both)[0] is GENERIC
    with pytest.raises(Forbidden, match="dialect-unknown"):
        dialects.choose(view({}, path="/other"), a_destination(dialects=("openai",)))


def test_the_generic_dialect_takes_every_leaf_for_content_and_no_stream() -> None:
    operation = GENERIC.operation(view({"a": ["x", 1]}, path="/any"))
    assert operation
    _, said = operation.read(view({"a": ["x", 1]}, path="/any"))

    assert [(text.pointer, text.role) for text in said.texts] == [
        ("key:/a", Role.KEY),
        ("/a/0", Role.CONTENT),
        ("/a/1", Role.NUMBER),
    ]
    assert not operation.streams


@pytest.mark.parametrize(
    "refused",
    [
        Forbidden("policy-blocked", "Not this.", next_step="Do that.", because=("rule-a", "rule-b")),
        Unavailable("not-ready", "Not now."),
    ],
)
def test_the_sdk_shows_a_refusal_and_retries_only_where_it_may_help(refused: Refused) -> None:
    headers, body = OPENAI.refusal(refused, "e1")
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(refused.status, headers=dict(headers), content=body)

    client = sdk.OpenAI(
        api_key="weighlock",
        base_url="https://llm.example/v1",
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
        max_retries=1,
    )
    with client, pytest.raises(sdk.APIStatusError) as caught:
        client.chat.completions.create(**chat())

    assert refused.reason in str(caught.value)
    assert refused.next_step in str(caught.value)
    assert all(rule in str(caught.value) for rule in refused.because)
    assert caught.value.code == refused.code
    assert len(calls) == (2 if refused.retry else 1)
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == (f"urn:weighlock:{refused.code}", refused.status)


def test_the_sdk_raises_on_the_event_that_ends_a_stream() -> None:
    said = OPENAI.problem(Forbidden("cut-off", "This identity was cut off."), "e1")
    event = Sse().encode(OPENAI.named("chat.completions").error_frame(said))
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=event)
    )
    client = sdk.OpenAI(
        api_key="weighlock", base_url="https://llm.example/v1", http_client=httpx.Client(transport=transport)
    )
    with client, pytest.raises(sdk.APIError, match="cut off"):
        list(client.chat.completions.create(**chat(), stream=True))
