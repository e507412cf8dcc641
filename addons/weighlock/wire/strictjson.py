"""JSON, read so that it has one meaning only (RFC 8259 within the limits of I-JSON, RFC 7493).

UTF-8 without a mark, no name twice in one object, no NaN, bounded in depth and number.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from weighlock.errors import Malformed

MAX_DEPTH = 64
MAX_VALUES = 200_000
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[][{}]")


class Number(str):
    """A JSON number as it is spelled."""

    __slots__ = ()


def parse(data: bytes) -> Any:
    """Objects, lists, strings, Numbers, booleans and None. Raises Malformed, with a code for each way to be wrong."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("charset", "The body is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise Malformed("charset", "The body begins with a byte order mark.")
    _bounded(data)
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("json-malformed", "The body is not JSON.") from None


def _bounded(data: bytes) -> None:
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH and data.count(b",") + data.count(b":") <= 2 * MAX_VALUES:
        return  # even with what stands in strings
    depth = 0
    skeleton = _STRINGS.sub(b"", data)
    if skeleton.count(b",") + skeleton.count(b":") > 2 * MAX_VALUES:
        raise Malformed("json-size", f"The body has more than {MAX_VALUES} values.")
    for bracket in _BRACKETS.findall(skeleton):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed("json-depth", f"The body is nested more than {MAX_DEPTH} deep.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("json-duplicate-member", "The body has one member name twice in one object.")
    return members


def _constant(_: str) -> NoReturn:
    raise Malformed("json-number", "NaN and Infinity are not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant, strict=True
)
