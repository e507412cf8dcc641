"""Encoded data opened in place: base64, base32 and hex, and gzip or zlib inside them."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

import re2

from weighlock.detection.views.canonical import canonical
from weighlock.detection.views.view import View, until_stable
from weighlock.errors import Unsupported

GROWTH = 20
"""How many times the size of its base64 a compressed text may have."""
_SMALL = 4096
"""Bytes that it may have in any case."""

_GATE = re2.compile(rb"[A-Za-z0-9+/_-]{15}")
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])(?:(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]+|[A-Za-z0-9+/_-]{15,})={0,6}")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2})+)")
_BASE32 = re.compile(r"[A-Z2-7]+=*")
_URL = str.maketrans("-_", "+/", "\r\n=")
_SPACE = str.maketrans("", "", "\t\n\r")
_GZIP, _ZLIB = b"\x1f\x8b\x08", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def decoded(view: View) -> View:
    """*view* itself where nothing in it is encoded text. Raises Unsupported for a bomb."""
    if not _GATE.search(view.text.encode()):
        return view
    return until_stable(view, _round)


def _round(view: View) -> View:
    opened = view.rewritten("decoded", _RUN, lambda match: _opened(match[0]) or _opened_lines(match[0]))
    if opened is view:
        return view
    made = canonical(opened)
    return made if made is opened else View("decoded", made.text, made.base, made.spans, made.origins)


def _opened(run: str) -> str | None:
    """The text that *run* encodes; None where it is none."""
    if (match := _HEX.fullmatch(run)) and (text := _text(bytes.fromhex(match[1]), len(run))):
        return text
    if _BASE32.fullmatch(run) and (text := _text(_base32(run.rstrip("=")), len(run))):
        return text
    digits = run.translate(_URL)
    if not _may_be_text(binascii.a2b_base64(digits[: min(64, len(digits) // 4 * 4)])):
        return None
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return _text(base64.b64decode(digits + "=" * (-len(digits) % 4)), len(run))


def _opened_lines(run: str) -> str | None:
    """Lines that are none together, each for itself."""
    lines = run.split("\n")
    texts = [_opened(line) for line in lines] if len(lines) > 1 else []
    return "\n".join(text or line for text, line in zip(texts, lines, strict=True)) if any(texts) else None


def _base32(digits: str) -> bytes:
    digits = digits[: len(digits) - (len(digits) % 8 in (1, 3, 6))]
    return base64.b32decode(digits + "=" * (-len(digits) % 8))


def _may_be_text(head: bytes) -> bool:
    """Whether data that begins so may be worth decoding; for images and the like it is not."""
    if head.startswith((_GZIP, *_ZLIB)):
        return True
    return not any(byte < 32 and byte not in b"\t\n\r\0" for byte in head)


def _text(data: bytes, size: int) -> str | None:
    if data.startswith((_GZIP, *_ZLIB)):
        data = _inflated(data, max(GROWTH * size, _SMALL))
    try:
        text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.translate(_SPACE).isprintable() else None


def _inflated(data: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        text = inflater.decompress(data, limit)
    except zlib.error:
        return b"\xff"
    if len(text) >= limit and not inflater.eof:
        raise Unsupported(
            "compression-bomb",
            f"A text holds compressed data that is more than {GROWTH} times as large as it shows.",
            next_step="Send it decompressed.",
        )
    return text
