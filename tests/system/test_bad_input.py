"""Requests that cannot be read without doubt: refused as JSON, recorded, and nothing of them goes anywhere."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from clients import RULES_ALONE, chat, client
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from rawclient import RawClient, Reply, chunked, request

PLANTED = "maria.lopez@example.com"
PROMPT = f"I am Maria, write to {PLANTED}"
GOOD = json.dumps(chat(PROMPT)).encode()
JSON = "application/json"


@pytest.fixture(autouse=True)
def untouched(host: ModelHost) -> Iterator[None]:
    seen, asked = len(host.received), host.requests
    yield
    assert bytes(host.received[seen:]) == b""
    assert host.requests == asked


def entries(gateway: Gateway, exchange: str) -> list[dict[str, Any]]:
    shown = gateway.weighlock("ledger", "show", "--json", "--limit", "50")
    assert shown.returncode == 0, shown.stderr
    assert PLANTED not in shown.stdout
    return [entry for entry in json.loads(shown.stdout) if entry["body"].get("exchange") == exchange]


def check(gateway: Gateway, status: int, headers: dict[str, str], body: bytes, expected: int, code: str) -> None:
    """The refusal: for the client a JSON error, for the ledger one entry."""
    assert status == expected, body
    assert PLANTED.encode() not in body
    assert headers["content-type"] == "application/problem+json"
    said = json.loads(body)
    assert said["title"] == said["error"]["code"] == code
    assert said["type"] == f"urn:weighlock:{code}"
    assert said["error"]["type"] == "weighlock_refusal"
    assert said["error"]["message"].startswith("weighlock: ")
    assert headers["x-should-retry"] == "false"
    (entry,) = entries(gateway, headers["weighlock-exchange"])
    assert entry["kind"] == "refusal"
    assert entry["body"]["refused"]["code"] == code
    assert entry["body"]["refused"]["status"] == expected


def post(
    gateway: Gateway, body: bytes, headers: dict[str, str], http2: bool = False, path: str = ""
) -> tuple[Any, ...]:
    with client(gateway, http2=http2) as http:
        answer = http.post(f"{gateway.url}{path or '/chat/completions'}", content=body, headers=headers)
        return answer.status_code, dict(answer.headers), answer.content


def media(kind: str, member: str) -> bytes:
    part = {"type": kind, kind: {member: f"data:x/y;base64,{base64.b64encode(PLANTED.encode()).decode()}"}}
    return json.dumps(chat("x") | {"messages": [{"role": "user", "content": [part]}]}).encode()


def with_members(members: str) -> bytes:
    return GOOD[:-1] + b", " + members.encode() + b"}"


BODIES: dict[str, tuple[bytes, int, str]] = {
    "cut short": (GOOD[:-2], 400, "json-malformed"),
    "no JSON": (PROMPT.encode(), 400, "json-malformed"),
    "two documents": (GOOD + GOOD, 400, "json-malformed"),
    "a comma too many": (GOOD[:-1] + b",}", 400, "json-malformed"),
    "single quotes": (GOOD.replace(b'"', b"'"), 400, "json-malformed"),
    "a comment": (b"/* " + PROMPT.encode() + b" */" + GOOD, 400, "json-malformed"),
    "a control character in a string": (GOOD.replace(b"Maria", b"Ma\0ria"), 400, "json-malformed"),
    "invalid UTF-8": (GOOD.replace(b"Maria", b"Mar\xeda"), 400, "charset"),
    "overlong UTF-8": (GOOD.replace(b"Maria", b"Mari\xc1\xa1"), 400, "charset"),
    "UTF-8 of a surrogate": (GOOD.replace(b"Maria", b"Mari\xed\xa0\x80"), 400, "charset"),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400, "charset"),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), 400, "json-malformed"),
    "UTF-7": (b"+AHs-" + GOOD[1:], 400, "json-malformed"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, 400, "charset"),
    "one name twice": (with_members(f'"model": "{PLANTED}"'), 400, "json-duplicate-member"),
    "one name twice, spelled differently": (with_members(r'"mod\u0065l": "demo"'), 400, "json-duplicate-member"),
    "one name twice, deep": (with_members('"metadata": [{"a": {"b": 1, "b": 2}}]'), 400, "json-duplicate-member"),
    "messages twice": (with_members('"messages": []'), 400, "json-duplicate-member"),
    "lists, 10,000 deep": (with_members('"metadata": ' + "[" * 10_000 + "]" * 10_000), 400, "json-depth"),
    "objects, 10,000 deep": (with_members('"metadata": ' + '{"a":' * 10_000 + "1" + "}" * 10_000), 400, "json-depth"),
    "10,000 brackets, never closed": (b"[" * 10_000, 400, "json-depth"),
    "65 deep": (with_members('"metadata": ' + "[" * 65 + "]" * 65), 400, "json-depth"),
    "very many values": (with_members('"metadata": [' + "0," * 500_000 + "0]"), 400, "json-size"),
    "NaN": (with_members('"temperature": NaN'), 400, "json-number"),
    "infinity": (with_members('"temperature": -Infinity'), 400, "json-number"),
    "a number with a zero before it": (with_members('"seed": 01'), 400, "json-malformed"),
    "half a pair": (with_members(r'"user": "\ud83d"'), 400, "json-surrogate"),
    "the other half": (with_members(r'"user": "\ude00"'), 400, "json-surrogate"),
    "the wrong way round": (with_members(r'"user": "\ude00\ud83d"'), 400, "json-surrogate"),
    "half a pair in a name": (with_members(r'"\ud83d": 1'), 400, "json-surrogate"),
    "an image": (media("image_url", "url"), 415, "not-inspectable"),
    "audio in": (media("input_audio", "data"), 415, "not-inspectable"),
    "a file": (media("file", "file_data"), 415, "not-inspectable"),
    "audio out": (with_members('"modalities": ["text", "audio"]'), 415, "not-inspectable"),
    "a list": (b"[" + GOOD + b"]", 400, "body-shape"),
    "a string": (json.dumps(PROMPT).encode(), 400, "body-shape"),
    "null": (b"null", 400, "body-shape"),
    "nothing": (b"", 400, "body-missing"),
    "white space": (b"  \r\n", 400, "json-malformed"),
    "no model": (json.dumps({"messages": [{"role": "user", "content": PROMPT}]}).encode(), 400, "body-shape"),
    "a number for a model": (GOOD.replace(b'"demo"', b"1"), 400, "body-shape"),
    "messages that are none": (json.dumps({"model": "demo", "messages": PROMPT}).encode(), 400, "body-shape"),
    "stream is a word": (with_members('"stream": "true"'), 400, "body-shape"),
    "stream is a number": (with_members('"stream": 1'), 400, "body-shape"),
    "stream is a list": (with_members('"stream": []'), 400, "body-shape"),
    "modalities are a number": (with_members('"modalities": 1'), 400, "body-shape"),
    "modalities are true": (with_members('"modalities": true'), 400, "body-shape"),
}


@pytest.mark.parametrize("what", BODIES)
def test_bodies(gateway: Gateway, what: str) -> None:
    body, status, code = BODIES[what]

    check(gateway, *post(gateway, body, {"content-type": JSON}), status, code)


FORM = f'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n{PROMPT}\r\n--b--\r\n'.encode()
HEADERS: dict[str, tuple[dict[str, str], bytes, int, str]] = {
    "charset UTF-16": ({"content-type": f"{JSON}; charset=utf-16"}, GOOD.decode().encode("utf-16"), 415, "charset"),
    "charset UTF-16 on UTF-8": ({"content-type": f"{JSON}; charset=utf-16"}, GOOD, 415, "charset"),
    "charset Latin-1": ({"content-type": f"{JSON};charset=iso-8859-1"}, GOOD, 415, "charset"),
    "charset UTF-7": ({"content-type": f'{JSON}; charset="utf-7"'}, GOOD, 415, "charset"),
    "two charsets": ({"content-type": f"{JSON}; charset=utf-8; charset=utf-16"}, GOOD, 415, "charset"),
    "gzip": ({"content-type": JSON, "content-encoding": "gzip"}, gzip.compress(GOOD), 415, "content-coding"),
    "gzip that is none": ({"content-type": JSON, "content-encoding": "gzip"}, GOOD, 415, "content-coding"),
    "an unknown coding": ({"content-type": JSON, "content-encoding": "rot13"}, GOOD, 415, "content-coding"),
    "two codings": ({"content-type": JSON, "content-encoding": "identity, gzip"}, GOOD, 415, "content-coding"),
    "an empty coding": ({"content-type": JSON, "content-encoding": ""}, GOOD, 415, "content-coding"),
    "multipart": ({"content-type": "multipart/form-data; boundary=b"}, FORM, 415, "media-type"),
    "a form": ({"content-type": "application/x-www-form-urlencoded"}, b"prompt=" + PROMPT.encode(), 415, "media-type"),
    "plain text": ({"content-type": "text/plain"}, GOOD, 415, "media-type"),
    "JSON lines": ({"content-type": "application/jsonl"}, GOOD, 415, "media-type"),
    "no content type": ({}, GOOD, 415, "media-type"),
    "two content types": ({"content-type": f"{JSON}, text/plain"}, GOOD, 415, "media-type"),
}


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("what", HEADERS)
def test_headers(gateway: Gateway, what: str, http2: bool) -> None:
    headers, body, status, code = HEADERS[what]

    check(gateway, *post(gateway, body, headers, http2), status, code)


@pytest.mark.parametrize("path", ["/uploads", "/audio/voices"])
@pytest.mark.parametrize("what", ["multipart", "plain text", "gzip"])
def test_headers_of_a_call_that_no_dialect_knows(gateway: Gateway, path: str, what: str) -> None:
    headers, body, status, code = HEADERS[what]

    check(gateway, *post(gateway, body, headers, path=path), status, code)


@pytest.mark.parametrize("path", ["/files", "/audio/transcriptions"])
@pytest.mark.parametrize(
    ("body", "code"),
    [(FORM, "body-shape"), (FORM[:-4], "form-malformed"), (b"a preamble\r\n" + FORM, "form-malformed")],
    ids=["a field is missing", "cut short", "a preamble"],
)
def test_forms(gateway: Gateway, path: str, body: bytes, code: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}

    check(gateway, *post(gateway, body, headers, path=path), 400, code)


def test_a_body_where_there_is_none(gateway: Gateway) -> None:
    with client(gateway) as http:
        answer = http.request("GET", f"{gateway.url}/models", content=GOOD, headers={"content-type": JSON})

    check(gateway, answer.status_code, dict(answer.headers), answer.content, 400, "body-unexpected")


# -- size -------------------------------------------------------------------------------------------------------------

LIMIT = 64 << 10


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("small")
    with Gateway(folder, issuer, host, options=RULES_ALONE | {"weighlock_body_limit": "64k"}) as gateway:
        yield gateway


def large(size: int) -> bytes:
    return json.dumps(chat((PROMPT + ". ") * (size // len(PROMPT) + 1))).encode()


def too_large(reply: Reply) -> None:
    assert reply.status == 413
    assert PLANTED.encode() not in reply.raw
    said = reply.json()
    assert said["error"]["message"].startswith("weighlock: ")
    assert said["error"]["code"] == "body-too-large"
    assert said["type"] == "urn:weighlock:body-too-large"


@pytest.mark.parametrize("size", [LIMIT + 1, 1 << 20])
@pytest.mark.parametrize("coding", ["length", "chunked", "one chunk"])
def test_a_body_over_the_limit(small: Gateway, size: int, coding: str) -> None:
    body = large(size)
    parts = [body] if coding == "one chunk" else [body[at : at + 4096] for at in range(0, len(body), 4096)]
    with RawClient(small) as raw:
        if coding == "length":
            data = request(small, body)
        else:
            data = request(small, chunked(*parts), length=False, extra=b"Transfer-Encoding: chunked\r\n")
        raw.tunnel().send(data)
        too_large(raw.read())
    shown = small.weighlock("ledger", "show", "--json", "--limit", "1")
    (entry,) = json.loads(shown.stdout)
    assert entry["kind"] == "refusal"
    assert entry["body"]["refused"]["code"] == "body-too-large"
    assert entry["body"]["refused"]["status"] == 413


@pytest.mark.parametrize("http2", [False, True])
def test_a_length_over_the_limit_is_refused_before_the_body(small: Gateway, http2: bool) -> None:
    with client(small, http2=http2) as http:
        answer = http.post(f"{small.url}/chat/completions", content=large(LIMIT), headers={"content-type": JSON})

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body-too-large"


def test_a_length_alone_is_enough(small: Gateway) -> None:
    with RawClient(small) as raw:
        raw.tunnel().send(request(small, b"", length=False, extra=b"Content-Length: 10000000000\r\n"))
        too_large(raw.read())


def test_an_expectation_is_answered_before_the_body_is_sent(small: Gateway) -> None:
    with RawClient(small) as raw:
        extra = b"Content-Length: 10000000000\r\nExpect: 100-continue\r\n"
        raw.tunnel().send(request(small, b"", length=False, extra=extra))
        too_large(raw.read())
