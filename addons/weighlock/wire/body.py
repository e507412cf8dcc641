"""Bodies and their content codings. Requests have none; replies are decoded within a bound."""

from __future__ import annotations

import re
import zlib

from weighlock.errors import BadReply, Unsupported

_UTF8 = re.compile(r'[^;]*(;\s*charset\s*=\s*"?utf-?8"?\s*)?|multipart/form-data;.*', re.IGNORECASE)


def plain(content_type: str | None, content_encoding: str | None) -> None:
    """Raise Unsupported unless a request's body is its own text: no content coding, and UTF-8.

    What a form's parts are, whoever reads it sees to.
    """
    if content_encoding is not None and content_encoding.strip().lower() != "identity":
        raise Unsupported("content-coding", "A request's body must not be compressed or coded.")
    if content_type and not _UTF8.fullmatch(content_type):
        raise Unsupported("charset", "A request's body must be UTF-8, and its content type say nothing else.")


def decode(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """A reply's body without its coding: none or gzip, every member of it; at most *limit* bytes."""
    coding = (content_encoding or "identity").strip().lower()
    if coding == "identity":
        plain_body = body
    elif coding == "gzip":
        plain_body = _gunzip(body, limit)
    else:
        raise BadReply("reply-coding", "The reply has a content coding that the gateway did not ask for.")
    if len(plain_body) > limit:
        raise BadReply("reply-too-large", f"The reply is over {limit} bytes.")
    return plain_body


def _gunzip(body: bytes, limit: int) -> bytes:
    """RFC 1952: one or more members, nothing behind them."""
    out = bytearray()
    try:
        while body:
            member = zlib.decompressobj(wbits=31)
            out += member.decompress(body, limit + 1 - len(out))
            if len(out) > limit:
                raise BadReply("reply-too-large", f"The reply is over {limit} bytes when decoded.")
            if not member.eof:
                raise BadReply("reply-truncated", "The reply's coding breaks off.")
            body = member.unused_data
    except zlib.error:
        raise BadReply("reply-coding", "The reply is not the gzip that it says it is.") from None
    return bytes(out)
