"""JSON as text: every string, number and member name with its place, rewritten by place, serialised anew.

Strict (RFC 8259, I-JSON's RFC 7493 limits): UTF-8 without a mark, no duplicate names, no lone surrogates, no NaN.
Numbers keep their own spelling, and members their order, so that an unchanged document says exactly what it said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, Literal, NoReturn

from weighlock.errors import Malformed

MAX_DEPTH = 64
MAX_VALUES = 200_000
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[][{}]")


class Number(str):
    """A JSON number as it is spelled."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """*pointer* is an RFC 6901 pointer; that of a member's name is the member's with `key:` before it."""

    pointer: str
    value: str = field(repr=False)
    kind: Literal["string", "number", "key"]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed JSON value. Never changed; `rewrite` makes another."""

    value: Any = field(repr=False)

    def leaves(self) -> list[Leaf]:
        """Every string, number and member name, in document order."""
        return list(_leaves(self.value, ""))

    def get(self, pointer: str) -> Any:
        """The value at *pointer*, or None where there is none."""
        value = self.value
        for name in _names(pointer):
            if isinstance(value, dict):
                value = value.get(name)
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                return None
        return value

    def rewrite(self, texts: Mapping[str, str]) -> Document:
        """With the strings and numbers at these pointers replaced by strings. KeyError where there is none."""
        if not texts:
            return self
        left = dict(texts)
        value = _rewritten(self.value, "", left)
        if left:
            raise KeyError("no such place")
        return Document(value)

    def dumps(self) -> bytes:
        """Compact UTF-8."""
        parts: list[str] = []
        _dump(self.value, parts.append)
        return "".join(parts).encode()


def parse(data: bytes) -> Document:
    """Raises Malformed, with a code for each way in which it cannot be read without doubt."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("charset", "The body is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise Malformed("charset", "The body begins with a byte order mark.")
    _bounded(data)
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("json-malformed", "The body is not JSON.") from None
    if "\\u" in text:  # UTF-8 has no surrogates; only an escape makes one
        for leaf in _leaves(value, ""):
            if not leaf.value.isascii() and any("\ud800" <= char <= "\udfff" for char in leaf.value):
                raise Malformed("json-surrogate", "The body has half of a surrogate pair.")
    return Document(value)


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


def _leaves(value: Any, pointer: str) -> Iterator[Leaf]:
    if isinstance(value, Number):
        yield Leaf(pointer, str(value), "number")
    elif isinstance(value, str):
        yield Leaf(pointer, value, "string")
    elif isinstance(value, dict):
        for name, member in value.items():
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            yield Leaf(f"key:{place}", name, "key")
            yield from _leaves(member, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{pointer}/{index}")


def _rewritten(value: Any, pointer: str, texts: dict[str, str]) -> Any:
    if isinstance(value, str):
        return texts.pop(pointer, value)
    if isinstance(value, dict):
        return {
            name: _rewritten(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", texts)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_rewritten(item, f"{pointer}/{index}", texts) for index, item in enumerate(value)]
    return value


def _dump(value: Any, write: Any) -> None:
    if isinstance(value, Number):
        write(value)
    elif isinstance(value, str):
        write(encode_basestring(value))
    elif isinstance(value, dict):
        separator = "{"
        for name, member in value.items():
            write(separator + encode_basestring(name) + ":")
            _dump(member, write)
            separator = ","
        write("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for item in value:
            write(separator)
            _dump(item, write)
            separator = ","
        write("]" if value else "[]")
    else:
        write({True: "true", False: "false", None: "null"}[value])


def _names(pointer: str) -> list[str]:
    return [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
