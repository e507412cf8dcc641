"""A notice as each medium wants it. What stands in one is shown as it is: no markup in it is interpreted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from weighlock.approval.channels import Channel, Mail, Medium
from weighlock.approval.notices import News, Notice

_SAID = {
    News.PENDING: "waits for approval",
    News.APPROVED: "was approved",
    News.DENIED: "was denied",
    News.EXPIRED: "expired",
    News.REVOKED: "was revoked",
    News.BROKEN_GLASS: "was lifted by broken glass: it is to be reviewed",
}


def title(notice: Notice) -> str:
    return f"{notice.kind.capitalize()} of {notice.workload} {_SAID[notice.news]}"


def facts(notice: Notice, now: float) -> dict[str, str]:
    """Label → value, without those that say nothing."""
    pending = notice.news is News.PENDING
    found = ", ".join(f"{entity} ×{count}" for entity, count in notice.findings.items())
    told = {
        "Workload": notice.workload,
        "Owner": notice.owner,
        "Destination": notice.destination,
        "Model": notice.model,
        "Held by": ", ".join(notice.because),
        "Why": notice.reason,
        "Found": found,
        "Who approves": notice.who if pending else "",
        "Decided by": ", ".join(notice.by),
        "Time left": _left(notice.decide_by, now) if pending else "",
        "Approval": notice.approval,
    }
    return {label: value for label, value in told.items() if value}


def posted(channel: Channel, notice: Notice, now: float) -> tuple[bytes, dict[str, str]]:
    """Body and header fields for a channel that has a URL."""
    if channel.medium is Medium.WEBHOOK:
        body = _json(webhook(notice))
        return body, signed(channel.secret, notice.id, int(now), body)
    return _json(slack(notice, now) if channel.medium is Medium.SLACK else teams(notice, now)), {
        "content-type": "application/json"
    }


def signed(secret: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """As Standard Webhooks 1.0: a receiver checks the signature and the time, and drops an id that it knows."""
    signature = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def webhook(notice: Notice) -> dict[str, Any]:
    """Says the same however often it is sent."""
    return {
        "type": f"approval.{notice.news}",
        "timestamp": datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {
            "id": notice.approval,
            "kind": notice.kind,
            "workload": notice.workload,
            "owner": notice.owner,
            "destination": notice.destination,
            "model": notice.model,
            "because": list(notice.because),
            "reason": notice.reason,
            "groups": list(notice.groups),
            "need": notice.need,
            "decided_by": list(notice.by),
            "decide_by": int(notice.decide_by),
            "findings": dict(notice.findings),
            "link": notice.link,
        },
    }


def slack(notice: Notice, now: float) -> dict[str, Any]:
    """Blocks of plain text. `text` is what a phone shows; there, Slack reads markup, so it is escaped."""
    told = [_slack_text(f"{label}: {value}") for label, value in facts(notice, now).items()]
    sections = [{"type": "section", "fields": told[at : at + 10]} for at in range(0, len(told), 10)]
    button = {"type": "button", "text": _slack_text("Open"), "url": notice.link}
    return {
        "text": title(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "blocks": [
            {"type": "header", "text": _slack_text(_cut(title(notice), 150))},
            *sections,
            *([{"type": "actions", "elements": [button]}] if notice.link else []),
        ],
    }


def teams(notice: Notice, now: float) -> dict[str, Any]:
    """An Adaptive Card of text runs: only those are not read as Markdown."""
    runs = [_teams_text(f"{label}: {value}") for label, value in facts(notice, now).items()]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": "An approval has news.",
        "body": [_teams_text(title(notice), size="Medium", weight="Bolder"), *runs],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": notice.link}] if notice.link else [],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def email(mail: Mail, notice: Notice, now: float) -> EmailMessage:
    """Plain text. Sent again, it has the same Message-ID."""
    message = EmailMessage()
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Subject"] = f"[weighlock] {title(notice)}"
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.at, UTC))
    message["Message-ID"] = f"<{notice.id}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"{label}: {value}" for label, value in facts(notice, now).items()]
    message.set_content("\n".join([f"{title(notice)}.", "", *lines, *(["", notice.link] if notice.link else []), ""]))
    return message


def _slack_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(text, 2000), "emoji": False}


def _teams_text(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text} | style]}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _left(ends: float, now: float) -> str:
    until = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{max(0, int(ends - now)) // 60} min, until {until}"
