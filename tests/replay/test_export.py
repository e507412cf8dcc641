from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader
from mitmproxy.utils import emoji

from builders import a_call, a_finding, a_principal
from ledgers import NOON, a_verdict, an_exchange
from weighlock.errors import ConfigError, Forbidden, Unidentified
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind, PayloadRef
from weighlock.ledger.seal import NotOpened
from weighlock.model import Action
from weighlock.replay.export import View, exchanges, export
from weighlock.wire import message

SENT = message.encode(
    "POST /v1/chat/completions?u=jane HTTP/2.0", (("authorization", "[jwt]"), ("x", "é")), b'{"say":"jane@example.com"}'
)
FORWARDED = message.encode(
    "POST /v1/chat/completions HTTP/1.1", (("host", "llm.example"),), b'{"say":"<EMAIL_ADDRESS>"}'
)
_JSON = (("content-type", "application/json"),)
RECEIVED = message.encode("HTTP/1.1 200 OK", _JSON, b'{"card":"4111111111111111"}')
DELIVERED = message.encode("HTTP/1.1 200 OK", _JSON, b'{"card":"************1111"}')
REFUSAL = message.encode("HTTP/1.1 403 Forbidden", (("content-type", "application/problem+json"),), b'{"error":{}}')


class Record:
    """Entries with their payloads in clear."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._payloads: dict[tuple[int, str], bytes] = {}

    def add(self, kind: Kind, body: dict[str, Any], **payloads: bytes) -> Record:
        seq = len(self.entries)
        named = {name.replace("_", "."): payload for name, payload in payloads.items()}
        refs = {name: PayloadRef("a" * 64, "b" * 64, len(payload)) for name, payload in named.items()}
        said = Entry(seq, entry.timestamp(NOON + 1 + seq), kind, body, refs)
        self.entries.append(entry.parse(entry.canonical(said)))
        self._payloads |= {(seq, name): payload for name, payload in named.items()}
        return self

    def open(self, said: Entry, name: str) -> bytes:
        return self._payloads[said.seq, name]

    def flows(self, view: View = View.MASKED) -> list[http.HTTPFlow]:
        out = io.BytesIO()
        count = export(exchanges(self.entries, self.entries.__getitem__), self.open, view, out)
        out.seek(0)
        flows = [flow for flow in FlowReader(out).stream() if isinstance(flow, http.HTTPFlow)]
        assert len(flows) == count
        return flows


def masked(**given: Any) -> Record:
    exchange = an_exchange(findings=(a_finding(), a_finding()), verdict=a_verdict(action=Action.MASK), **given)
    response = entry.response_body(
        exchange, status=200, findings=(a_finding("CREDIT_CARD"),), verdict=a_verdict(action=Action.MASK), refused=None
    )
    return (
        Record()
        .add(Kind.REQUEST, entry.request_body(exchange), request_sent=SENT, request_forwarded=FORWARDED)
        .add(Kind.RESPONSE, response, response_received=RECEIVED, response_delivered=DELIVERED)
    )


def refused(sent: bytes | None = SENT, **given: Any) -> Record:
    body = entry.refusal_body(
        an_exchange(**given), Forbidden("policy-blocked", "Policy does not let this pass.", because=("no-secrets",))
    )
    payloads = {"request_sent": sent} if sent else {}
    return Record().add(Kind.REFUSAL, body, **payloads, response_delivered=REFUSAL)


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

    assert [(one.id, one.workload, len(one.entries)) for one in recorded] == [
        ("1" * 32, "nightly", 2),
        ("2" * 32, "other", 2),
    ]


@pytest.mark.parametrize(
    ("error", "said"), [(NotOpened("this identity does not open the payload"), "identity"), (KeyError("x"), "not kept")]
)
def test_a_payload_that_cannot_be_opened_is_said_and_not_skipped(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    record = masked()
    monkeypatch.setattr(record, "open", fail)

    with pytest.raises(ConfigError, match=said):
        record.flows()


def test_the_masked_view_holds_nothing_that_was_masked(tmp_path: Path) -> None:
    call = a_call("jane@example.com", operation="POST /jane@example.com", model="jane@example.com")
    for record in (masked(call=call), refused(call=call, findings=None), refused(call=call, findings=(a_finding(),))):
        out = io.BytesIO()
        export(exchanges(record.entries, record.entries.__getitem__), record.open, View.MASKED, out)

        assert b"jane" not in out.getvalue()
        assert b"4111111111111111" not in out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("view", View)
def test_mitmdump_reads_the_flows(tmp_path: Path, view: View) -> None:
    records: Sequence[Record] = (masked(), refused(), refused(sent=None))
    file = tmp_path / "flows"
    with file.open("wb") as out:
        for record in records:
            export(exchanges(record.entries, record.entries.__getitem__), record.open, view, out)

    mitmdump = Path(sys.executable).with_name("mitmdump")
    done = subprocess.run(
        [mitmdump, "--set", f"confdir={tmp_path}", "-nr", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    refusals = "no response is recorded" if view is View.UPSTREAM else "403 Forbidden"
    assert done.stdout.count("200 OK") == 1
    assert done.stdout.count(refusals) == 2
    assert done.stderr == ""
