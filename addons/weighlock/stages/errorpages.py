"""mitmproxy's own error pages, as JSON that SDKs show, and without its messages: those may quote what was sent."""

from __future__ import annotations

import json

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1, _http2

_REASONS = {
    400: ("request-invalid", "This is not HTTP that everybody reads the same way.", ""),
    413: ("body-too-large", "The body is over the gateway's limit.", "Send less, or ask for a higher body_limit."),
    502: ("host-unreachable", "The model host could not be reached, or broke off.", "The gateway's log has the cause."),
    504: ("host-timeout", "The model host did not answer in time.", "Try again later."),
}


def page(status_code: int, message: str) -> bytes:
    """One body with RFC 9457 members and OpenAI's `error`; *message* is not used."""
    code, reason, next_step = _REASONS.get(status_code, ("connection-failed", "The connection failed.", ""))
    text = f"{reason} {next_step}".strip()
    return json.dumps(
        {
            "type": f"urn:weighlock:{code}",
            "title": code,
            "status": status_code,
            "detail": text,
            "error": {"message": f"weighlock: {text}", "type": "weighlock_refusal", "code": code, "param": None},
        }
    ).encode()


def _response(status_code: int, message: str = "") -> bytes:
    headers = http.Headers(connection="close", content_type="application/problem+json")
    raw: bytes = http1.assemble_response(http.Response.make(status_code, page(status_code, message), headers))
    return raw


def install() -> None:
    """For the life of the process."""
    _http1.make_error_response = _response
    _http2.format_error = page  # type: ignore[attr-defined]
