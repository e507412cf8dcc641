"""A hostile model host: whatever it answers, the client never sees a planted value, nor a failure that looks whole."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import APIConnectionError, APIError, OpenAI

from clients import RULES_ALONE, chat, client, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost, event
from rawclient import RawClient, Reply, chunked, dechunked, request

CARD = "4111 1111 1111 1111"
KEY = "sk-proj-9f8e7d6c5b4a39281706f5e4d3c2b1a0ffee"
TEXT = f"The card is {CARD} and the key is {KEY}."
MASKED = "The card is ***************1111 and the key is "
LIMIT = 256 << 10
OK = "HTTP/1.1 200 OK"
DONE = b"data: [DONE]\n\n"


class HostileHost(ModelHost):
    """Answers with the writes of *reply*, one TLS record each, and closes where *close* says so."""

    reply: Sequence[bytes] = ()
    close = False
    endless = b""
    """Written behind *reply* for as long as somebody reads."""
    stalls = False
    """Between *reply* and the end: until `go` is set."""

    def __init__(self, folder: Path) -> None:
        self.go = threading.Event()
        self.broken_off = threading.Event()
        super().__init__(folder, gap=0)

    def says(self, *reply: bytes, close: bool = False, endless: bytes = b"", stalls: bool = False) -> None:
        self.reply, self.close, self.endless, self.stalls = reply, close, endless, stalls
        self.go.clear()
        self.broken_off.clear()

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        for data in self.reply:
            writer.write(data)
            await writer.drain()
        while self.endless:
            writer.write(self.endless)
            try:
                await writer.drain()
            except ConnectionError:
                self.broken_off.set()
                raise
            if writer.transport.is_closing():
                self.broken_off.set()
                return
            await asyncio.sleep(0)
        if self.stalls:
            await asyncio.to_thread(self.go.wait, 30)
        if self.close:
            writer.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileHost]:
    host = HostileHost(tmp_path_factory.mktemp("hostile"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, hostile: HostileHost) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, issuer, hostile, options=RULES_ALONE | {"weighlock_body_limit": f"{LIMIT >> 10}k"}) as gateway:
        yield gateway


def message(body: bytes, head: str = OK, kind: str = "application/json", extra: str = "", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    return f"{head}\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n{extra}\r\n".encode() + body


def completion(text: str = TEXT, **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"} | more
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "model": "demo", "choices": [choice]}).encode()


def deltas(text: str = TEXT, size: int = 5) -> bytes:
    return b"".join(event({"content": text[at : at + size]}) for at in range(0, len(text), size))


def stream_head(extra: str = "", kind: str = "content-type: text/event-stream\r\n", start: str = OK) -> bytes:
    return f"{start}\r\n{kind}transfer-encoding: chunked\r\n{extra}\r\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def asked(gateway: Gateway, stream: bool) -> bytes:
    return request(gateway, json.dumps(chat("hello", stream=stream)).encode())


def answered(gateway: Gateway, stream: bool = False) -> Reply:
    """The answer as it comes over the socket; no planted value is in it, however it is read."""
    with RawClient(gateway) as raw:
        raw.tunnel().send(asked(gateway, stream))
        reply = raw.read()
        unseen(bytes(raw.received))
    return reply


def unseen(received: bytes) -> None:
    body = received.partition(b"\r\n\r\n")[2]
    plain = dechunked(body) if b"transfer-encoding: chunked" in received.lower() else body
    readings = [received, plain, said(plain).encode()]
    readings += [zlib.decompressobj(31).decompress(body)] if body.startswith(b"\x1f\x8b") else []
    for reading in readings:
        for planted in (CARD, CARD.replace(" ", ""), CARD[:10], KEY, KEY[8:]):
            assert planted.encode() not in reading


def events(plain: bytes) -> list[Any]:
    datas = [line[6:] for line in plain.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(data) for data in datas if data != "[DONE]"]


def said(plain: bytes) -> str:
    """What the deltas of a stream say together."""
    if not plain.startswith(b"data: "):
        return ""
    choices = [choice for found in events(plain) for choice in found.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def refused(reply: Reply, code: str = "") -> None:
    assert reply.status == 502, reply
    body = reply.json()
    assert body["error"]["message"].startswith("weighlock: ")
    assert body["type"] == f"urn:weighlock:{body['title']}"
    if code:
        assert body["title"] == code


# -- documents --------------------------------------------------------------------------------------------------------


def test_a_good_reply_is_masked(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(message(completion()))

    reply = answered(gateway)

    assert reply.status == 200
    assert reply.json()["choices"][0]["message"]["content"].startswith(MASKED)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_gzip_is_read_to_its_end(gateway: Gateway, hostile: HostileHost, members: int) -> None:
    body = completion()
    size = len(body) // members + 1
    coded = b"".join(gzip.compress(body[at : at + size]) for at in range(0, len(body), size))
    hostile.says(message(coded, extra="content-encoding: gzip\r\n"))

    reply = answered(gateway)

    assert reply.status == 200
    assert b"content-encoding" not in reply.head.lower()
    assert reply.json()["choices"][0]["message"]["content"].startswith(MASKED)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"choices": [{"message": {"content": TEXT.replace("4", "\\u0034")}}]}).replace("\\\\", "\\"),
        json.dumps({"id": CARD, "model": KEY, "object": TEXT, "choices": []}),
        json.dumps({"choices": [], "usage": {"card": 4111111111111111}}),
        json.dumps({"error": {"message": TEXT, "code": KEY}}),
        json.dumps([TEXT, [TEXT]]),
        json.dumps(TEXT),
        json.dumps({"choices": [{"text": ""}, {"text": TEXT}]}),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", f"500 {KEY}", f"429 {CARD}"])
def test_wherever_it_stands_it_is_masked(gateway: Gateway, hostile: HostileHost, text: str, status: str) -> None:
    head = f"HTTP/1.1 {status}"
    hostile.says(
        message(text.encode(), head, extra=f"x-key: {KEY}\r\nset-cookie: key={KEY}\r\nretry-after: {CARD}\r\n")
    )

    reply = answered(gateway)

    assert reply.status == int(status[:3])
    assert b"x-key" not in reply.head.lower()
    assert b"cookie" not in reply.head.lower()
    reply.json()


def test_a_member_that_is_named_so_cannot_be_masked(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(message(json.dumps({TEXT: 1, CARD: 2}).encode()))

    refused(answered(gateway))


BOMB = gzip.compress(b" " * (64 << 20))
DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "a gzip bomb": (message(BOMB, extra="content-encoding: gzip\r\n"), "reply-too-large"),
    "a bomb of members": (
        message(gzip.compress(b" " * LIMIT) * 20, extra="content-encoding: gzip\r\n"),
        "reply-too-large",
    ),
    "gzip in gzip": (message(gzip.compress(gzip.compress(completion())), extra="content-encoding: gzip\r\n"), ""),
    "gzip cut short": (
        message(gzip.compress(completion())[:-9], extra="content-encoding: gzip\r\n"),
        "reply-truncated",
    ),
    "gzip with more behind it": (
        message(gzip.compress(completion()) + TEXT.encode(), extra="content-encoding: gzip\r\n"),
        "reply-coding",
    ),
    "gzip that is none": (message(completion(), extra="content-encoding: gzip\r\n"), "reply-coding"),
    "gzip that nobody announces": (message(gzip.compress(completion())), "reply-unreadable"),
    "deflate": (message(zlib.compress(completion()), extra="content-encoding: deflate\r\n"), "reply-coding"),
    "an unknown coding": (message(completion(), extra="content-encoding: rot13\r\n"), "reply-coding"),
    "two codings": (message(completion(), extra="content-encoding: gzip, br\r\n"), "reply-coding"),
    "two coding fields": (
        message(completion(), extra="content-encoding: identity\r\ncontent-encoding: gzip\r\n"),
        "reply-coding",
    ),
    "no JSON": (message(TEXT.encode()), "reply-unreadable"),
    "HTML": (message(f"<h1>{TEXT}</h1>".encode(), "HTTP/1.1 500 Oops", "text/html"), "reply-unreadable"),
    "JSON cut short": (message(completion()[:-3]), "reply-unreadable"),
    "one name twice": (message(b'{"a": 1, "a": "' + TEXT.encode() + b'"}'), "reply-unreadable"),
    "NaN": (message(b'{"a": NaN, "b": "' + TEXT.encode() + b'"}'), "reply-unreadable"),
    "half a pair": (message(b'{"a": "\\ud83d ' + TEXT.encode() + b'"}'), "reply-unreadable"),
    "UTF-16": (message(completion().decode().encode("utf-16")), "reply-unreadable"),
    "10,000 deep": (message(b"[" * 10_000 + b"]" * 10_000), "reply-unreadable"),
    "a stream that nobody asked for": (
        stream_head() + chunked(deltas(), DONE),
        "reply-unreadable",
    ),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\nx-key: " + KEY.encode() + b"\r\n\r\n", "reply-status"),
    "a redirect": (message(completion(), "HTTP/1.1 302 Found", extra=f"location: https://{KEY}/\r\n"), "reply-status"),
    "103": (b"HTTP/1.1 103 Early Hints\r\nlink: " + KEY.encode() + b"\r\n\r\n" + message(completion()), ""),
    "100": (b"HTTP/1.1 100 Continue\r\n\r\n" + message(completion()), ""),
    "an upgrade": (b"HTTP/1.1 101 Switching\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\n" + TEXT.encode(), ""),
    "a WebSocket": (
        b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81\x13" + CARD.encode(),
        "",
    ),
    "no HTTP": (TEXT.encode() + b"\r\n\r\n", ""),
    "no status": (b"HTTP/1.1 " + CARD.encode() + b"\r\ncontent-length: 0\r\n\r\n", ""),
    "a card for a status": (b"HTTP/1.1 4111111111111111 OK\r\ncontent-length: 0\r\n\r\n", ""),
    "a head that is no head": (b"HTTP/1.1 200 OK\r\n" + TEXT.encode() + b"\r\n\r\n", ""),
    "a length that is none": (b"HTTP/1.1 200 OK\r\ncontent-length: " + CARD.encode() + b"\r\n\r\n", ""),
    "two lengths": (message(completion(), extra="content-length: 3\r\n"), ""),
    "a length and chunks": (message(chunked(completion()), extra="transfer-encoding: chunked\r\n"), ""),
    "a length that is too short": (message(completion(), length=200), "reply-unreadable"),
    "a length over the limit": (message(b"", length=LIMIT + 1), ""),
    "a body over the limit": (message(json.dumps(TEXT * (LIMIT // 40)).encode()), ""),
    "chunks over the limit": (
        stream_head(kind="content-type: application/json\r\n") + chunked(*[TEXT.encode() * 500] * 20),
        "",
    ),
    "chunks that are none": (stream_head(kind="") + b"zz\r\n" + completion() + b"\r\n0\r\n\r\n", ""),
    "trailers": (
        stream_head(kind="content-type: application/json\r\n")
        + chunked(completion("hello"), trailers=f"x-key: {KEY}\r\n".encode()),
        "",
    ),
    "an unknown transfer coding": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n" + chunked(gzip.compress(completion())),
        "",
    ),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_that_cannot_be_read(gateway: Gateway, hostile: HostileHost, what: str) -> None:
    raw, code = DOCUMENTS[what]
    hostile.says(raw)

    reply = answered(gateway)

    if reply.raw or what not in ("an upgrade", "a WebSocket"):  # those two may end without an answer
        refused(reply, code)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-",
        message(completion(), length=10_000),
        stream_head(kind="") + b"40\r\n" + completion(),
    ],
)
def test_a_reply_that_breaks_off(gateway: Gateway, hostile: HostileHost, raw: bytes) -> None:
    hostile.says(raw, close=True)

    refused(answered(gateway), "host-unreachable")


def test_a_reply_without_a_length_ends_with_the_connection(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + completion(), close=True)

    reply = answered(gateway)

    assert reply.status == 200
    assert reply.json()["choices"][0]["message"]["content"].startswith(MASKED)


def test_what_is_behind_a_reply_is_not_the_next_reply(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(message(completion("first")) + message(completion(f"smuggled {CARD}")))
    with RawClient(gateway) as raw:
        raw.tunnel()
        texts = []
        while len(texts) < 2:
            raw.send(asked(gateway, False).replace(b"Connection: close\r\n", b""))
            texts.append(raw.read().json()["choices"][0]["message"]["content"])
            hostile.says(message(completion("second")))
        unseen(bytes(raw.received))

    assert texts == ["first", "second"]


# -- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_is_masked_however_it_is_cut(gateway: Gateway, hostile: HostileHost, size: int, end: str) -> None:
    plain = (deltas(size=size) + event({}, "stop") + DONE).replace(b"\n", end.encode())
    hostile.says(stream_head(), *(chunk(plain[at : at + 100]) for at in range(0, len(plain), 100)), chunked())

    reply = answered(gateway, stream=True)

    assert reply.complete
    assert said(dechunked(reply.body)).startswith(MASKED)


def test_a_stream_in_single_bytes(gateway: Gateway, hostile: HostileHost) -> None:
    whole = stream_head() + chunked(deltas(size=4) + event({}, "stop") + DONE)
    hostile.says(*(bytes([byte]) for byte in whole))

    reply = answered(gateway, stream=True)

    assert reply.complete
    assert said(dechunked(reply.body)).startswith(MASKED)


@pytest.mark.parametrize("cut", range(0, 240, 8))
def test_a_stream_in_two_pieces(gateway: Gateway, hostile: HostileHost, cut: int) -> None:
    plain = deltas(f"It is {CARD}.", size=12) + event({}, "stop") + DONE
    hostile.says(stream_head(), *(chunk(part) for part in (plain[: 100 + cut], plain[100 + cut :])), chunked())

    reply = answered(gateway, stream=True)

    assert reply.complete
    assert said(dechunked(reply.body)) == "It is ***************1111."


def test_what_frames_a_stream_is_not_passed_on(gateway: Gateway, hostile: HostileHost) -> None:
    start = f"HTTP/1.1 200 {KEY}"
    extra = f"x-key: {KEY}\r\nset-cookie: k={KEY}\r\nretry-after: {CARD}\r\ncontent-disposition: {CARD}\r\n"
    plain = f": {CARD}\nretry: 4111111111111111\n".encode() + event({"content": "hello"}, "stop") + DONE
    hostile.says(stream_head(extra, start=start) + chunked(plain))

    reply = answered(gateway, stream=True)

    assert reply.complete
    assert said(dechunked(reply.body)) == "hello"


def test_a_stream_of_http_1_0(gateway: Gateway, hostile: HostileHost) -> None:
    head = b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    hostile.says(head + deltas() + event({}, "stop") + DONE, close=True)

    reply = answered(gateway, stream=True)

    assert reply.raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert reply.complete
    assert said(dechunked(reply.body)).startswith(MASKED)


@pytest.mark.parametrize("field", ["event", "id", "foo"])
def test_fields_of_an_event(gateway: Gateway, hostile: HostileHost, field: str) -> None:
    plain = f"{field}: {CARD} {KEY}\n".encode() + event({"content": "hello"}, "stop") + DONE
    hostile.says(stream_head() + chunked(plain))

    answered(gateway, stream=True)


def test_members_of_an_event(gateway: Gateway, hostile: HostileHost) -> None:
    value = {"id": KEY, "model": CARD, "system_fingerprint": TEXT, "choices": [], "usage": {"total": 4111111111111111}}
    hostile.says(stream_head() + chunked(f"data: {json.dumps(value)}\n\n".encode() + DONE))

    assert answered(gateway, stream=True).complete


def data(value: str | bytes) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else value.encode()) + b"\n\n"


def choice(**members: Any) -> bytes:
    return data(json.dumps({"choices": [{"index": 0} | members]}))


TAIL = event({}, "stop") + DONE
STREAMS: dict[str, bytes] = {
    "nothing": chunked(),
    "cut in an event": chunk(deltas() + event({"content": "more"})[:40]) + chunked(),
    "cut in a line end": chunk(deltas() + event({"content": "more"})[:-1]) + chunked(),
    "no [DONE]": chunked(deltas() + event({}, "stop")),
    "no end at all": chunked(deltas()),
    "half a card, and the end": chunked(deltas("It is 4111 1111 ")),
    "an event after [DONE]": chunked(deltas() + TAIL + deltas()),
    "text after its end": chunked(deltas("It is 4111 1111 ") + event({}, "stop") + deltas("1111 1111") + TAIL),
    "no JSON": chunked(deltas() + data(TEXT) + TAIL),
    "one name twice": chunked(data('{"choices": [], "a": 1, "a": "' + TEXT + '"}') + TAIL),
    "no UTF-8": chunked(deltas() + data(b'{"choices": [], "a": "\xff' + TEXT.encode() + b'"}') + TAIL),
    "half a pair": chunked(data(r'{"choices": [], "a": "\ud83d"}') + TAIL),
    "choices that are none": chunked(data(json.dumps({"choices": TEXT})) + TAIL),
    "a choice that is none": chunked(data(json.dumps({"choices": [TEXT]})) + TAIL),
    "an index that is none": chunked(choice(index=TEXT, delta={"content": TEXT}) + TAIL),
    "a negative index": chunked(choice(index=-1, delta={"content": TEXT}) + TAIL),
    "an event that never ends": chunked(*[b"data: " + b"a" * 20_000] * 100),
    "chunks that are none": chunk(deltas()) + b"zz\r\n" + TEXT.encode(),
    "trailers": chunked(deltas() + TAIL, trailers=f"x-key: {KEY}\r\n".encode()),
    "over the limit": chunked(*[deltas("some words, ") * 20] * (LIMIT // 2000), TAIL),
}


def ended_badly(reply: Reply) -> None:
    """By an `error` event, by a connection that ends within the message, or as a refusal."""
    if reply.status == 502:
        refused(reply)
        return
    plain = dechunked(reply.body)
    told = plain.startswith(b"data: ") and any("error" in found for found in events(plain[: plain.rfind(b"\n\n") + 2]))
    assert told or not reply.complete
    assert b"[DONE]" not in plain or plain.endswith(DONE)


@pytest.mark.parametrize("what", STREAMS)
def test_a_stream_that_fails_does_not_look_whole(gateway: Gateway, hostile: HostileHost, what: str) -> None:
    hostile.says(stream_head(), STREAMS[what])

    ended_badly(answered(gateway, stream=True))


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("what", [what for what in STREAMS if what != "trailers"])  # those come behind [DONE]
def test_an_sdk_raises_where_a_stream_fails(gateway: Gateway, hostile: HostileHost, what: str, http2: bool) -> None:
    hostile.says(stream_head(), STREAMS[what])

    seen: list[str] = []

    def read(openai: OpenAI) -> None:
        for part in openai.chat.completions.create(**chat("hello"), stream=True):
            seen.extend(choice.delta.content or "" for choice in part.choices)

    with sdk(gateway, http2=http2) as openai, pytest.raises((httpx.RemoteProtocolError, APIError)) as raised:
        read(openai)

    broken_off = isinstance(raised.value, (httpx.RemoteProtocolError, APIConnectionError))  # behind or before the head
    assert broken_off or "weighlock" in str(raised.value)
    for planted in (CARD[:7], KEY[8:]):
        assert planted not in "".join(seen)


@pytest.mark.parametrize(
    "raw",
    [
        stream_head(),
        stream_head() + chunk(deltas()),
        stream_head() + chunk(deltas("It is 4111 1111 ")),
        stream_head() + chunk(deltas() + TAIL),
        stream_head() + b"1000\r\n" + deltas(),
        message(deltas() + TAIL, kind="text/event-stream", length=100_000),
    ],
)
def test_a_stream_that_breaks_off(gateway: Gateway, hostile: HostileHost, raw: bytes) -> None:
    hostile.says(raw, close=True)

    reply = answered(gateway, stream=True)

    assert reply.status in (200, 502)
    if reply.status == 200:
        assert not reply.complete


@pytest.mark.parametrize("wait", ["body", "whole"])
def test_a_stream_that_stalls_within_a_card_and_closes(gateway: Gateway, hostile: HostileHost, wait: str) -> None:
    first = "The card that you ask for is one that I should not show to anybody at all. It is 4111 1111 "
    hostile.says(
        stream_head() + chunk(deltas(first)), *([chunked()] if wait == "whole" else []), close=True, stalls=True
    )
    with RawClient(gateway) as raw:
        raw.tunnel().send(asked(gateway, stream=True))
        while b"anybody at all." not in said(dechunked(bytes(raw.received).partition(b"\r\n\r\n")[2])).encode():
            assert raw._receive(65536)
        hostile.go.set()
        reply = raw.read(start=bytes(raw.received))

    unseen(reply.raw)
    assert "4111" not in said(dechunked(reply.body))
    ended_badly(reply)


@pytest.mark.parametrize("coding", ["chunked", "with a length"])
def test_a_stream_that_is_over_does_not_wait_for_its_connection(
    gateway: Gateway, hostile: HostileHost, coding: str
) -> None:
    whole = deltas() + TAIL
    longer = message(whole, kind="text/event-stream", length=len(whole) + 1)
    hostile.says(stream_head() + chunk(whole) if coding == "chunked" else longer, stalls=True)
    with RawClient(gateway) as raw:
        raw.tunnel().send(asked(gateway, stream=True))
        while DONE not in raw.received:
            assert raw._receive(65536), "the terminal event waits"
        assert not hostile.go.is_set()
        hostile.go.set()

    unseen(bytes(raw.received))
    assert said(dechunked(bytes(raw.received).partition(b"\r\n\r\n")[2])).startswith(MASKED)


def test_a_stream_without_an_end_is_cut(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(stream_head(), endless=chunk(deltas("on and on, ")))

    reply = answered(gateway, stream=True)

    assert not reply.complete
    assert hostile.broken_off.wait(20)


def test_an_event_without_an_end_is_cut(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(stream_head(), endless=chunk(b"data: " + b"4111 1111 1111 1111 " * 100))

    ended_badly(answered(gateway, stream=True))
    assert hostile.broken_off.wait(20)


@pytest.mark.parametrize("length", [LIMIT + 1, 100_000_000])
def test_a_stream_with_a_length_over_the_limit(gateway: Gateway, hostile: HostileHost, length: int) -> None:
    hostile.says(message(deltas() + TAIL, kind="text/event-stream", length=length), close=True)

    ended_badly(answered(gateway, stream=True))


@pytest.mark.parametrize("kind", ["", "content-type: text/plain\r\n", "content-type: application/json\r\n"])
def test_a_stream_that_does_not_say_so(gateway: Gateway, hostile: HostileHost, kind: str) -> None:
    hostile.says(stream_head(kind=kind) + chunked(deltas() + TAIL))

    refused(answered(gateway, stream=True), "reply-unreadable")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_a_stream_with_a_coding(gateway: Gateway, hostile: HostileHost, coding: str) -> None:
    hostile.says(stream_head(f"content-encoding: {coding}\r\n") + chunked(gzip.compress(deltas() + TAIL)))

    refused(answered(gateway, stream=True))


@pytest.mark.parametrize("status", ["500 Oops", "201 Created", "206 Partial Content"])
def test_a_stream_with_another_status(gateway: Gateway, hostile: HostileHost, status: str) -> None:
    hostile.says(stream_head(start=f"HTTP/1.1 {status}") + chunked(deltas() + TAIL))

    refused(answered(gateway, stream=True), "reply-unreadable")


def test_a_failed_stream_is_recorded_as_refused(gateway: Gateway, hostile: HostileHost) -> None:
    hostile.says(stream_head(), STREAMS["no JSON"])
    with (
        client(gateway) as http,
        http.stream("POST", f"{gateway.url}/chat/completions", json=chat("x", stream=True)) as r,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            r.read()
        exchange = r.headers["weighlock-exchange"]
    until, entries = time.monotonic() + 60, []
    while len(entries) < 2 and time.monotonic() < until:  # the client is gone before it is recorded
        shown = gateway.weighlock("ledger", "show", "--json", "--limit", "50")
        entries = [entry for entry in json.loads(shown.stdout) if entry["body"].get("exchange") == exchange]

    assert [entry["kind"] for entry in entries] == ["request", "response"]
    assert entries[1]["body"]["refused"]["code"].startswith("stream-")
    assert CARD not in shown.stdout


@pytest.mark.parametrize("what", ["no HTTP", "two lengths", "an upgrade", "chunks that are none", "two messages"])
def test_the_log_quotes_nothing(gateway: Gateway, hostile: HostileHost, what: str) -> None:
    hostile.says(DOCUMENTS.get(what, (message(completion()) * 2, ""))[0])
    answered(gateway)

    for planted in (CARD, KEY, CARD.replace(" ", "")):
        assert planted not in gateway.output
