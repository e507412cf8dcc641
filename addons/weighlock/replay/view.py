"""A mitmproxy content view: how the exchange was judged, above what was said.

What it shows comes from the ledger by way of the flow, and is for reading only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mitmproxy import contentviews, http

from weighlock.replay.flows import METADATA

FIRST = 10
"""Above the priority of every view of mitmproxy's own."""


class Weighlock(contentviews.Contentview):
    @property
    def name(self) -> str:
        return "weighlock"

    @property
    def syntax_highlight(self) -> contentviews.SyntaxHighlight:
        return "yaml"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        facts, judged = _judged(metadata)
        return "\n".join((*_lines(facts, judged), "---", _pretty(data)))

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        return FIRST if _judged(metadata)[1] else -1


def _judged(metadata: contentviews.Metadata) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is known of the exchange, and of this message of it; empty where nothing is."""
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return {}, {}
    facts: Mapping[str, Any] = flow.metadata.get(METADATA, {})
    said = metadata.websocket_message
    if said is None:
        return facts, facts.get("request" if metadata.http_message is flow.request else "response", {})
    if flow.websocket is None or not said.from_client:
        return {}, {}
    asked = [message for message in flow.websocket.messages if message.from_client]
    known = facts.get("messages", ())
    at = next(number for number, message in enumerate(asked) if message is said)
    return facts, known[at] if at < len(known) else {}


def _lines(facts: Mapping[str, Any], judged: Mapping[str, Any]) -> Iterator[str]:
    verdict, refused = judged.get("verdict", {}), judged.get("refused")
    who = facts.get("who") or {}
    yield f"exchange: {facts['exchange']}, entry {judged['entry']}"
    yield f"principal: {who['workload']} of {who['owner']} as {who['subject']}" if who else "principal: nobody"
    if refused:
        yield f"refused: {refused['code']}: {refused['reason']}"
    if verdict:
        yield f"verdict: {verdict['action']} because of {', '.join(verdict['because']) or 'nothing'}"
        yield f"policy: {verdict['policy']}"
    if approval := facts.get("approval"):
        yield f"approval: {approval['id']} {approval['state']}"
    found = judged.get("findings", ())
    yield f"findings: {len(found) or 'none'}"
    for finding in found:
        place = f"{finding['pointer']} {finding['start']}-{finding['end']}"
        yield f"  - {finding['entity']} at {place}, by {finding['rule']}, {finding['level']}"


def _pretty(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
