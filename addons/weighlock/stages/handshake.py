"""The handshake of a WebSocket (RFC 6455): a key of ours towards the model host, and no extension on either side."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from mitmproxy import http

from weighlock.errors import BadReply, Malformed
from weighlock.model import Headers
from weighlock.stages.passage import Passage

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOLS = frozenset({"realtime"})
"""Subprotocols that go on; a browser's client puts its API key into another."""


def offer(request: http.Request) -> Headers:
    """The header fields of the handshake with the model host: a key of ours, no extension. Raises Malformed."""
    key(request)
    offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
    protocols = [name for name in offered if name in PROTOCOLS]
    return (
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", base64.b64encode(secrets.token_bytes(16)).decode()),
        *((("sec-websocket-protocol", protocols[0]),) if protocols else ()),
    )


def key(request: http.Request) -> str:
    """The client's key; Malformed where it is none (RFC 6455 section 4.1)."""
    said: str = request.headers.get("sec-websocket-key", "")
    try:
        if len(base64.b64decode(said, validate=True)) == 16 and request.headers.get("sec-websocket-version") == "13":
            return said
    except binascii.Error:
        pass
    raise Malformed("websocket-handshake", "The handshake is not one of RFC 6455.")


def accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def answered(passage: Passage, response: http.Response) -> Headers:
    """The head of the 101 for the client; BadReply where the model host's is none for the key that it was sent."""
    sent = passage.flow.request.headers
    said = response.headers
    offered = sent.get("sec-websocket-protocol")
    if (
        said.get("upgrade", "").lower() != "websocket"
        or said.get("sec-websocket-accept") != accept(sent["sec-websocket-key"])
        or "sec-websocket-extensions" in said
        or said.get("sec-websocket-protocol", offered) != offered
    ):
        raise BadReply("reply-upgrade", "The model host's handshake is not one of RFC 6455.")
    return (
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", accept(passage.websocket_key)),
        *((("sec-websocket-protocol", offered),) if "sec-websocket-protocol" in said else ()),
        ("weighlock-exchange", passage.exchange.id),
    )
