from __future__ import annotations

import gzip

import pytest

from weighlock.errors import BadReply, Unsupported
from weighlock.wire.body import decode, plain


@pytest.mark.parametrize("kind", [None, "application/json", "application/json; charset=utf-8", 'a/b;charset="UTF-8"'])
def test_a_plain_utf8_body_is_taken(kind: str | None) -> None:
    plain(kind, None)
    plain(kind, "identity")


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip", "x", ""])
def test_a_coded_request_is_refused(coding: str) -> None:
    with pytest.raises(Unsupported, match="content-coding"):
        plain("application/json", coding)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "a/b; boundary=x", "a/b; charset=utf-8; x=y"])
def test_another_charset_or_parameter_is_refused(kind: str) -> None:
    with pytest.raises(Unsupported, match="charset"):
        plain(kind, None)


def test_every_member_of_a_gzip_is_decoded() -> None:
    assert decode(gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0), "GZIP", 100) == b"one two"
    assert decode(b"as it is", None, 100) == b"as it is"


@pytest.mark.parametrize(
    ("body", "coding", "code"),
    [
        (gzip.compress(bytes(1 << 20), mtime=0), "gzip", "reply-too-large"),
        (gzip.compress(bytes(600), mtime=0) * 2, "gzip", "reply-too-large"),
        (gzip.compress(b"x", mtime=0)[:-4], "gzip", "reply-truncated"),
        (gzip.compress(b"x", mtime=0) + b"junk", "gzip", "reply-coding"),
        (b"no gzip", "gzip", "reply-coding"),
        (b"x", "br", "reply-coding"),
        (b"x", "gzip, gzip", "reply-coding"),
        (bytes(1001), None, "reply-too-large"),
    ],
)
def test_a_reply_that_cannot_be_decoded_within_the_bound_is_refused(body: bytes, coding: str | None, code: str) -> None:
    with pytest.raises(BadReply) as refused:
        decode(body, coding, 1000)

    assert refused.value.code == code
