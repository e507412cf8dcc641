"""HAR and JSON lines. The fields that HAR 1.2 asks for stand here as its specification lists them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from ledgers import an_exchange
from recordings import FRAMES, Record, masked, refused, socketed, streamed
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.replay.contents import View
from weighlock.replay.export import Form
from weighlock.wire import message

_PAIRS = [{"name": str, "value": str}]
_COOKIES = [{"name": str, "value": str}]
_HAR: dict[str, Any] = {
    "log": {
        "version": str,
        "creator": {"name": str, "version": str},
        "entries": [
            {
                "startedDateTime": str,
                "time": float,
                "request": {
                    "method": str,
                    "url": str,
                    "httpVersion": str,
                    "cookies": _COOKIES,
                    "headers": _PAIRS,
                    "queryString": _PAIRS,
                    "headersSize": int,
                    "bodySize": int,
                },
                "response": {
                    "status": int,
                    "statusText": str,
                    "httpVersion": str,
                    "cookies": _COOKIES,
                    "headers": _PAIRS,
                    "content": {"size": int, "mimeType": str},
                    "redirectURL": str,
                    "headersSize": int,
                    "bodySize": int,
                },
                "cache": {},
                "timings": {"send": float, "wait": float, "receive": float},
                "comment": str,
            }
        ],
    }
}
_POST = {"mimeType": str, "params": list, "text": str}


def valid(value: Any, form: Any) -> None:
    """Every field that HAR asks for is there and of its type; any other is a custom one, or one that HAR allows."""
    if isinstance(form, dict):
        assert form.keys() <= value.keys()
        allowed = {"postData", "timings", "text", "encoding", "compression", "comment", "params", "blocked", "connect"}
        assert {name for name in value if not name.startswith("_")} <= form.keys() | allowed | {"path", "domain"}
        for name, inner in form.items():
            valid(value[name], inner)
    elif isinstance(form, list):
        for one in value:
            valid(one, form[0])
    else:
        assert type(value) is form or (form is float and type(value) is int), (value, form)


def har(record: Record, view: View = View.MASKED) -> list[dict[str, Any]]:
    made = json.loads(record.exported(Form.HAR, view))
    valid(made, _HAR)
    for one in made["log"]["entries"]:
        datetime.fromisoformat(one["startedDateTime"])
        assert one["time"] == pytest.approx(sum(one["timings"].values()))
        assert all(span >= 0 for span in one["timings"].values())
        if one["request"]["method"] == "POST":
            valid(one["request"]["postData"], _POST)
    return list(made["log"]["entries"])


def unanswered() -> Record:
    sent = message.encode("POST /v1 HTTP/1.1", (), b"\xff\xfe\x00")
    return Record().add(Kind.REQUEST, entry.request_body(an_exchange()), request_sent=sent, request_forwarded=sent)


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize(
    "record", [masked, refused, lambda: refused(sent=None), streamed, socketed, unanswered, Record],
    ids=["masked", "refused", "tunnel", "streamed", "socketed", "unanswered", "empty"],
)  # fmt: skip
def test_every_exchange_is_a_valid_har_entry(record: Any, view: View) -> None:
    made = record()

    assert len(har(made, view)) == len(list(made.exchanges()))


def test_a_har_entry_says_what_was_said_when_and_why() -> None:
    (one,) = har(streamed())

    assert one["comment"].startswith("allow · model-calls · nightly of dana")
    assert one["request"]["postData"]["text"] == '{"say":"<EMAIL_ADDRESS>"}'
    assert one["response"]["content"]["text"] == b"".join(FRAMES).decode()
    assert one["response"]["content"]["mimeType"] == "text/event-stream; charset=utf-8"
    assert one["timings"] == {"blocked": 1000, "send": 0, "wait": 130, "receive": 780}
    assert one["_weighlock"]["pieces"] == [[1130, 23], [1260, 24], [1910, 14]]


def test_a_websocket_stands_in_the_har_with_its_messages() -> None:
    (one,) = har(socketed())

    said = [said["data"] for said in one["_webSocketMessages"]]
    assert said == ['{"type":"hi"}', '"<EMAIL_ADDRESS>"', '{"card":"************1111"}']


def test_json_lines_have_one_exchange_each_with_its_facts() -> None:
    record = masked()
    (line,) = record.exported(Form.JSONL).splitlines()
    said = json.loads(line)

    assert said["outcome"] == "mask"
    assert said["who"]["workload"] == "nightly"
    assert said["request"]["findings"][0]["entity"] == "EMAIL_ADDRESS"
    assert said["asked"]["text"] == '{"say":"<EMAIL_ADDRESS>"}'
    assert said["answered"]["text"] == '{"card":"************1111"}'
    assert said["answered"]["start"] == "HTTP/1.1 200 OK"


def test_json_lines_keep_bytes_that_are_no_text_and_the_messages_of_a_websocket() -> None:
    odd, socket = (json.loads(record().exported(Form.JSONL)) for record in (unanswered, socketed))

    assert odd["asked"]["base64"] == "//4A"
    assert odd["answered"] is None
    assert [one["from_client"] for one in socket["said"]] == [False, True, False]


@pytest.mark.parametrize("form", [Form.HAR, Form.JSONL])
def test_the_masked_view_holds_nothing_that_was_masked(form: Form) -> None:
    for record in (masked(), refused(), socketed()):
        out = record.exported(form)

        assert b"jane" not in out
        assert b"4111111111111111" not in out
