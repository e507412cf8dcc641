from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import httpx
import pytest
from mitmproxy import http
from mitmproxy.utils import emoji

from builders import a_call, a_finding, a_principal
from demo.gateway import free_port
from ledgers import NOON, a_verdict, an_exchange
from recordings import (
    DELIVERED,
    FORWARDED,
    FRAMES,
    RECEIVED,
    REFUSAL,
    SENT,
    Record,
    masked,
    refused,
    socketed,
    streamed,
)
from weighlock.errors import ConfigError, Forbidden, Unidentified
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.ledger.seal import NotOpened
from weighlock.model import Action
from weighlock.replay.contents import View
from weighlock.replay.export import Form
from weighlock.replay.recorded import exchanges
from weighlock.wire import message


def bodies(flow: http.HTTPFlow) -> tuple[bytes | None, bytes | None]:
    return flow.request.raw_content, flow.response.raw_content if flow.response else None


@pytest.mark.parametrize(
    ("view", "request_", "response"),
    [
        (View.MASKED, b'{"say":"<EMAIL_ADDRESS>"}', b'{"card":"************1111"}'),
        (View.CLIENT, b'{"say":"jane@example.com"}', b'{"card":"************1111"}'),
        (View.UPSTREAM, b'{"say":"<EMAIL_ADDRESS>"}', b'{"card":"4111111111111111"}'),
    ],
)
def test_each_view_shows_its_two_messages(view: View, request_: bytes, response: bytes) -> None:
    (flow,) = masked().flows(view)

    assert bodies(flow) == (request_, response)


def test_a_flow_is_the_exchange_as_it_was() -> None:
    (flow,) = masked().flows(View.CLIENT)

    assert flow.request.pretty_url == "https://llm.example/v1/chat/completions?u=jane"
    assert (flow.request.method, flow.request.http_version) == ("POST", "HTTP/2.0")
    assert flow.request.headers.fields == ((b"authorization", b"[jwt]"), (b"x", b"\xe9"))
    assert flow.response
    assert (flow.response.status_code, flow.response.reason) == (200, "OK")
    assert flow.client_conn.peername == ("192.0.2.7", 40000)
    assert flow.request.timestamp_start == NOON
    assert flow.id == an_exchange().id


def test_comment_and_marker_say_how_and_why() -> None:
    (flow,) = masked().flows()

    assert flow.comment == (
        "mask · model-calls · nightly of dana as repo:acme/nightly · CREDIT_CARD ×1, EMAIL_ADDRESS ×2"
    )
    assert flow.marked == ":lock:"


def test_a_refused_request_is_withheld_from_the_masked_view_with_its_path() -> None:
    (flow,) = refused().flows()

    assert (flow.request.method, flow.request.path) == ("POST", "/withheld")
    assert bodies(flow) == (b"withheld: never forwarded", b'{"error":{}}')
    assert not flow.request.headers.fields
    assert flow.response
    assert flow.response.status_code == 403
    assert flow.marked == ":no_entry:"
    assert flow.comment.startswith("refused · policy-blocked: Policy does not let this pass., no-secrets")


def test_a_refused_request_is_shown_in_the_clients_view() -> None:
    (flow,) = refused().flows(View.CLIENT)

    assert bodies(flow) == (b'{"say":"jane@example.com"}', b'{"error":{}}')


def test_an_odd_method_is_withheld_too() -> None:
    (flow,) = refused(sent=message.encode("JANE / HTTP/1.1", (), b"")).flows()

    assert flow.request.method == "WITHHELD"


def test_a_refused_tunnel_has_nothing_but_its_refusal() -> None:
    exchange = an_exchange(destination=None, principal=None, call=None, findings=None, verdict=None, peer="")
    body = entry.refusal_body(exchange, Unidentified("token-missing", "No token."))

    (flow,) = Record().add(Kind.REFUSAL, body, response_delivered=b"").flows()

    assert (flow.request.method, flow.request.host) == ("CONNECT", "unlisted.invalid")
    assert flow.response is None
    assert flow.error
    assert flow.comment == "refused · token-missing: No token. · nobody identified"


def test_a_request_without_a_recorded_answer_says_so() -> None:
    body = entry.request_body(an_exchange())

    (flow,) = Record().add(Kind.REQUEST, body, request_sent=SENT, request_forwarded=FORWARDED).flows()

    assert flow.error
    assert flow.error.msg == "no response is recorded"
    assert flow.marked == ":white_check_mark:"


def test_a_reply_that_was_not_delivered_counts_as_refused() -> None:
    exchange = an_exchange()
    body = entry.response_body(
        exchange, status=200, findings=(), verdict=None, refused=Forbidden("policy-blocked", "No.")
    )
    record = Record().add(Kind.REQUEST, entry.request_body(exchange), request_sent=SENT, request_forwarded=FORWARDED)

    (flow,) = record.add(Kind.RESPONSE, body, response_received=RECEIVED, response_delivered=REFUSAL).flows()

    assert flow.marked == ":no_entry:"
    assert bodies(flow)[1] == b'{"error":{}}'


def test_a_held_and_approved_exchange_is_marked_so() -> None:
    body = entry.request_body(an_exchange(verdict=a_verdict(action=Action.HOLD)))

    (flow,) = Record().add(Kind.REQUEST, body, request_sent=SENT, request_forwarded=FORWARDED).flows()

    assert flow.marked == ":hourglass:"


def test_every_marker_is_an_emoji_that_mitmproxy_knows() -> None:
    assert {":no_entry:", ":hourglass:", ":lock:", ":white_check_mark:"} <= set(emoji.emoji)


def test_exchanges_come_in_the_order_of_their_beginning_each_once() -> None:
    first, second = an_exchange(id="1" * 32), an_exchange(id="2" * 32, principal=a_principal(workload="other"))
    record = Record()
    record.add(Kind.START, entry.control_body("start"))
    record.add(Kind.REQUEST, entry.request_body(first), request_forwarded=FORWARDED)
    record.add(Kind.REQUEST, entry.request_body(second), request_forwarded=FORWARDED)
    for exchange in (second, first):
        body = entry.response_body(exchange, status=200, findings=(), verdict=None, refused=None)
        record.add(Kind.RESPONSE, body, response_delivered=DELIVERED)

    recorded = list(exchanges(iter(record.entries), record.entries.__getitem__))

    assert [(one.id, one.who["workload"], len(one.entries)) for one in recorded] == [
        ("1" * 32, "nightly", 2),
        ("2" * 32, "other", 2),
    ]


def failing(error: Exception) -> Record:
    def fail(*_: object) -> bytes:
        raise error

    record = masked()
    record.open = fail  # type: ignore[method-assign]
    return record


def test_a_payload_that_cannot_be_opened_is_said_and_not_skipped() -> None:
    with pytest.raises(ConfigError, match="identity"):
        failing(NotOpened("this identity does not open the payload")).flows()


def test_what_was_erased_is_shown_as_such_and_the_rest_as_it_was() -> None:
    (flow,) = failing(KeyError("request.sent")).flows()

    assert bodies(flow) == (b"not kept: erased, or missing",) * 2
    assert flow.request.path == "/not-kept"
    assert flow.response
    assert flow.response.status_code == 200
    assert flow.marked == ":lock:"


def test_the_masked_view_holds_nothing_that_was_masked(tmp_path: Path) -> None:
    call = a_call("jane@example.com", operation="POST /jane@example.com", model="jane@example.com")
    for record in (masked(call=call), refused(call=call, findings=None), refused(call=call, findings=(a_finding(),))):
        out = record.exported(Form.FLOWS)

        assert b"jane" not in out
        assert b"4111111111111111" not in out


def test_a_stream_keeps_its_pace() -> None:
    (flow,) = streamed().flows()

    assert flow.response
    assert flow.response.timestamp_start == NOON + 1.13
    assert flow.response.timestamp_end == NOON + 1.91
    assert flow.metadata["weighlock"]["pieces"] == [[1130, 23], [1260, 24], [1910, 14]]
    assert flow.response.raw_content == b"".join(FRAMES)


@pytest.mark.parametrize(
    ("view", "asked", "answered"),
    [
        (View.MASKED, b'"<EMAIL_ADDRESS>"', b'{"card":"************1111"}'),
        (View.CLIENT, b'"jane@example.com"', b'{"card":"************1111"}'),
        (View.UPSTREAM, b'"<EMAIL_ADDRESS>"', b'{"card":"4111111111111111"}'),
    ],
)
def test_a_websocket_is_its_messages_in_the_order_in_which_they_were_said(
    view: View, asked: bytes, answered: bytes
) -> None:
    (flow,) = socketed().flows(view)

    assert flow.websocket
    assert [(said.from_client, said.content) for said in flow.websocket.messages] == [
        (False, b'{"type":"hi"}'),
        (True, asked),
        (False, answered),
    ]
    assert [said.timestamp for said in flow.websocket.messages] == [NOON + 0.1, NOON + 2, NOON + 5]
    assert flow.response
    assert (flow.response.status_code, flow.response.raw_content) == (101, b"")


def written(folder: Path, view: View = View.MASKED) -> Path:
    file = folder / "flows"
    records = (masked(id="1" * 32), refused(id="2" * 32), socketed(id="3" * 32), streamed(id="4" * 32))
    file.write_bytes(b"".join(one.exported(Form.FLOWS, view) for one in records))
    return file


def tool(name: str, folder: Path) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), "--set", f"confdir={folder}"]


@pytest.mark.slow
def test_mitmdump_reads_the_flows(tmp_path: Path) -> None:
    done = subprocess.run(
        [*tool("mitmdump", tmp_path), "-nr", written(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.count("200 OK") == 2
    assert done.stdout.count("403 Forbidden") == 1
    assert done.stdout.count("WebSocket text message") == 3
    assert done.stderr == ""


@pytest.mark.slow
def test_mitmweb_reads_the_flows(tmp_path: Path) -> None:
    port = free_port()
    own = ["--set", f"web_port={port}", "--set", "web_open_browser=false", "--set", "web_password=p"]
    process = subprocess.Popen([*tool("mitmweb", tmp_path), *own, "-nr", written(tmp_path)], stdout=subprocess.DEVNULL)
    transport = httpx.HTTPTransport(retries=12)  # until it listens
    try:
        with httpx.Client(transport=transport, headers={"authorization": "Bearer p"}, timeout=30) as web:
            flows = web.get(f"http://127.0.0.1:{port}/flows").json()
            until = time.monotonic() + 30
            while len(flows) < 4 and time.monotonic() < until:
                flows = web.get(f"http://127.0.0.1:{port}/flows").json()
    finally:
        process.terminate()
        process.wait(30)

    assert [flow["comment"].split(" ")[0] for flow in flows] == ["mask", "refused", "mask", "allow"]
    assert len({flow["id"] for flow in flows}) == 4


@pytest.mark.slow
def test_mitmproxy_reads_the_flows(tmp_path: Path) -> None:
    """On a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    process = subprocess.Popen(
        [*tool("mitmproxy", tmp_path), "-nr", written(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )
    shown, until = b"", time.monotonic() + 60
    try:
        while b"/4]" not in shown and process.poll() is None and time.monotonic() < until:
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 65536)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)

    assert b"/4]" in shown
    assert all(word in shown.decode() for word in ("WSS", "⛔", "🔒", "✅"))
