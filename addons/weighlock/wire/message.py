"""One HTTP message as `message/http` bytes (RFC 9112): start line, header fields, empty line, body.

The body is whatever follows the empty line: header fields that speak of length or coding are data here, not framing.
"""

from __future__ import annotations

import re

from weighlock.errors import Malformed
from weighlock.model import Headers

_START = re.compile(r"[^\r\n\0]+")
_NAME = re.compile(r"[^\x00-\x20\x7f:]+")
_VALUE = re.compile(r"[^\r\n\0]*")


def encode(start: str, headers: Headers, body: bytes) -> bytes:
    """*start* is the request line or the status line, without its line end.

    Header fields hold one character per byte (Latin-1), so no spelling is lost. Raises Malformed for a line that
    would not read back as it was: one with CR, LF or NUL, an empty name, a character above U+00FF.
    """
    if not _START.fullmatch(start):
        raise _malformed("start line")
    lines = [start.encode("utf-8", "surrogateescape")]
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise _malformed("header field")
        try:
            lines.append(f"{name}: {value}".encode("latin-1"))
        except UnicodeEncodeError:
            raise _malformed("header field") from None
    return b"\r\n".join([*lines, b"", body])


def decode(data: bytes) -> tuple[str, Headers, bytes]:
    """Start line, header fields and body of what `encode` made; Malformed for anything else."""
    head, end, body = data.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    text = start.decode("utf-8", "surrogateescape")
    if not end or not _START.fullmatch(text):
        raise _malformed("start line")
    headers = []
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(": ")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise _malformed("header field")
        headers.append((name, value))
    return text, tuple(headers), body


def _malformed(what: str) -> Malformed:
    return Malformed("message-malformed", f"The message has a {what} that HTTP does not allow.")
