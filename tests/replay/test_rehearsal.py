from __future__ import annotations

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import a_destination
from ledgers import NOON, a_verdict, an_exchange, ledger_file
from recordings import FRAMES
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.model import Outbound
from weighlock.replay.host import TICKET, RecordHost, authority
from weighlock.replay.rehearsal import Record
from weighlock.wire import message, tape

ASKED = Outbound("POST", "/v1/chat", (), b'{"say":"<EMAIL_ADDRESS_0123abcd> and <PERSON_0123abcd>"}')
_JSON = (("content-type", "application/json"), ("transfer-encoding", "chunked"))


def an_answer(text: bytes, status: int = 200) -> bytes:
    return message.encode(f"HTTP/1.1 {status} OK", _JSON, text)


def recorded(
    answer: bytes, asked: Outbound = ASKED, timing: bytes = b"", status: int = 200
) -> list[tuple[Kind, dict[str, Any], dict[str, bytes]]]:
    exchange = an_exchange(started_at=NOON + 1)
    forwarded = message.encode(f"{asked.method} {asked.path} HTTP/1.1", (("host", "llm.example"),), asked.body)
    body = entry.response_body(exchange, status=status, findings=(), verdict=a_verdict(), refused=None)
    timed = {"response.timing": timing} if timing else {}
    return [
        (Kind.REQUEST, entry.request_body(exchange), {"request.sent": forwarded, "request.forwarded": forwarded}),
        (Kind.RESPONSE, body, {"response.received": answer, "response.delivered": answer} | timed),
    ]


def a_record(state: Path, *exchanges: list[tuple[Kind, dict[str, Any], dict[str, bytes]]]) -> Record:
    numbered = [
        (kind, body | {"exchange": str(number)}, payloads)
        for number, entries in enumerate(exchanges)
        for kind, body, payloads in entries
    ]
    ledger_file(state, numbered)
    return Record(state, None)


async def answered(record: Record, asked: Outbound = ASKED, workload: str = "nightly", **place: Any) -> bytes | None:
    ticket = await record.ticket(workload, replace(a_destination(), **place), asked)
    answer = record.redeem(ticket) if ticket else None
    assert record.redeem(ticket or "") is None
    return answer.response.body if answer else None


async def test_a_request_is_found_by_what_was_forwarded(tmp_path: Path) -> None:
    record = a_record(tmp_path, recorded(an_answer(b"1")))

    assert await answered(record) == b"1"
    assert await answered(record, replace(ASKED, headers=(("user-agent", "another"),))) == b"1"
    assert await answered(record, replace(ASKED, body=b"{}")) is None
    assert await answered(record, replace(ASKED, path="/v1/other")) is None
    assert await answered(record, replace(ASKED, method="PUT")) is None
    assert await answered(record, workload="weekly") is None
    assert await answered(record, host="other.example") is None
    assert await answered(record, port=8443) is None


async def test_pseudonyms_of_another_session_stand_for_the_same(tmp_path: Path) -> None:
    record = a_record(tmp_path, recorded(an_answer(b"1")))

    assert await answered(record, replace(ASKED, body=ASKED.body.replace(b"0123abcd", b"fedc9876"))) == b"1"
    assert await answered(record, replace(ASKED, body=ASKED.body.replace(b"PERSON", b"EMAIL_ADDRESS"))) is None


async def test_what_was_asked_again_is_answered_in_turn_and_the_last_answer_stays(tmp_path: Path) -> None:
    record = a_record(tmp_path, recorded(an_answer(b"1")), recorded(an_answer(b"2")))

    assert [await answered(record) for _ in range(3)] == [b"1", b"2", b"2"]


async def test_an_answer_that_was_erased_meanwhile_is_none(tmp_path: Path) -> None:
    record = a_record(tmp_path, recorded(an_answer(b"1")))
    with sqlite3.connect(tmp_path / NAME) as database:
        database.execute("DROP TRIGGER payload_keys_delete")
        database.execute("DELETE FROM payload_keys WHERE name = 'response.received'")
    database.close()

    assert await answered(record) is None


def test_a_record_without_an_answer_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is recorded"):
        a_record(tmp_path)


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Any]:
    """Asks the host of a record with a document and a stream; gives all that comes back."""
    pieces = [(1000 + 30 * at, len(frame)) for at, frame in enumerate(FRAMES)]
    timing = tape.encode({"received": pieces, "delivered": pieces})
    stream = replace(ASKED, path="/v1/stream")
    record = a_record(tmp_path, recorded(an_answer(b"1")), recorded(an_answer(b"".join(FRAMES)), stream, timing))
    host = RecordHost(record, tmp_path)
    host.start()

    async def ask(method: str, path: str, ticket: str | None = None) -> tuple[bytes, bytes]:
        ticket = ticket or await record.ticket("nightly", a_destination(), replace(ASKED, path=path))
        trust = ssl.create_default_context(cafile=str(authority(tmp_path)))
        reader, writer = await asyncio.open_connection(*host.address, ssl=trust, server_hostname="llm.example")
        writer.write(f"{method} {path} HTTP/1.1\r\n{TICKET}: {ticket}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        writer.write(b"GET / HTTP/1.1\r\n\r\n")  # without a ticket: it hangs up
        said = await reader.read()
        writer.close()
        head, _, body = said.partition(b"\r\n\r\n")
        return head, body

    yield ask
    await host.stop()


async def test_a_document_is_framed_anew(asking: Any) -> None:
    head, body = await asking("POST", "/v1/chat")

    assert head == b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1"
    assert body == b"1"


async def test_a_stream_comes_in_its_own_pieces(asking: Any) -> None:
    head, body = await asking("POST", "/v1/stream")

    assert head.endswith(b"transfer-encoding: chunked")
    assert body == b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in FRAMES) + b"0\r\n\r\n"


async def test_a_head_has_no_body(asking: Any) -> None:
    assert (await asking("HEAD", "/v1/chat"))[1] == b""


async def test_without_a_ticket_there_is_no_answer(asking: Any) -> None:
    assert await asking("POST", "/v1/chat", "guessed") == (b"", b"")
