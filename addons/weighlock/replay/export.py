"""The record in formats that others read: mitmproxy flows, HAR 1.2, and JSON lines."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib.metadata import version
from typing import Any, BinaryIO

from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.io import FlowWriter

from weighlock.model import Headers
from weighlock.replay.contents import Message, Open, View, contents
from weighlock.replay.flows import to_flow
from weighlock.replay.recorded import Recorded, facts, seconds


class Form(StrEnum):
    FLOWS = "flows"
    """Of mitmproxy."""
    HAR = "har"
    JSONL = "jsonl"
    """One exchange a line."""


def export(recorded: Iterable[Recorded], open_payload: Open, view: View, form: Form, out: BinaryIO) -> int:
    """Write the exchanges to *out*; how many. ConfigError where a payload cannot be opened."""
    writers: dict[Form, Callable[[Iterable[Recorded], Open, View, BinaryIO], int]] = {
        Form.FLOWS: _flows,
        Form.HAR: _har,
        Form.JSONL: _jsonl,
    }
    return writers[form](recorded, open_payload, view, out)


def _flows(recorded: Iterable[Recorded], open_payload: Open, view: View, out: BinaryIO) -> int:
    writer, count = FlowWriter(out), 0
    for one in recorded:
        writer.add(to_flow(one, open_payload, view))
        count += 1
    return count


def _har(recorded: Iterable[Recorded], open_payload: Open, view: View, out: BinaryIO) -> int:
    """Entry by entry: a log of many days is never held whole."""
    creator = {"name": "weighlock", "version": version("weighlock")}
    head = json.dumps({"version": "1.2", "creator": creator})
    out.write(b'{"log": ' + head[:-1].encode() + b', "entries": [')
    count = 0
    for count, one in enumerate(recorded, 1):
        entry = har_entry(one, to_flow(one, open_payload, view))
        out.write((b",\n" if count > 1 else b"\n") + json.dumps(entry).encode())
    out.write(b"\n]}}\n")
    return count


def har_entry(recorded: Recorded, flow: http.HTTPFlow) -> dict[str, Any]:
    """mitmproxy's, with what HAR 1.2 asks for besides: every field of a response, and times that add up."""
    entry: dict[str, Any] = SaveHar().flow_entry(flow, set())
    began, ended = recorded.began, seconds(recorded.entries[-1].time)
    released = max(0.0, seconds(recorded.start.time) - began)  # what the gateway took, and people
    first = max(released, flow.response.timestamp_start - began if flow.response else ended - began)
    last = max(first, (flow.response.timestamp_end or 0) - began if flow.response else first)
    spans = {"blocked": released, "send": 0.0, "wait": first - released, "receive": last - first}
    timings = {name: round(span * 1000, 3) for name, span in spans.items()}
    if flow.response is None:
        entry["response"]["content"] = {"size": 0, "mimeType": "x-unknown"}
        del entry["response"]["_error"]
        entry["response"]["comment"] = flow.error.msg if flow.error else ""
    for side in (entry["request"], entry["response"]):
        side["headersSize"] = -1  # as they stood on the wire they are not kept
    if "postData" in entry["request"]:
        entry["request"]["postData"]["text"] = entry["request"]["postData"]["text"] or ""
    pieces = [[at, size] for at, size in flow.metadata["weighlock"]["pieces"]]
    return entry | {
        "timings": timings,
        "time": round(sum(timings.values()), 3),
        "comment": flow.comment,
        "_weighlock": facts(recorded) | {"pieces": pieces},
    }


def _jsonl(recorded: Iterable[Recorded], open_payload: Open, view: View, out: BinaryIO) -> int:
    count = 0
    for one in recorded:
        out.write(json.dumps(_line(one, open_payload, view), ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def _line(recorded: Recorded, open_payload: Open, view: View) -> dict[str, Any]:
    opened = contents(recorded, open_payload, view)
    start = recorded.start.body
    line: dict[str, Any] = facts(recorded) | {
        "started_at": start["started_at"],
        "host": start.get("host", ""),
        "port": start.get("port", 0),
        "view": view.value,
        "asked": _message(opened.request),
        "answered": _message(opened.response) if opened.response else None,
        "pieces": [[at, len(data)] for at, data in opened.pieces],
    }
    if opened.said is not None:
        line["said"] = [{"at": one.at, "from_client": one.from_client} | _body(one.text) for one in opened.said]
    return line


def _message(message: Message) -> dict[str, Any]:
    return {"start": _text(message.start), "headers": _pairs(message.headers)} | _body(message.body)


def _pairs(headers: Headers) -> list[list[str]]:
    return [[name, value] for name, value in headers]


def _body(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _text(start: str) -> str:
    """Without the lone surrogates that stand for bytes outside of UTF-8."""
    return start.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
