"""JSON as text: every string, number and member name with its place, rewritten by place, serialised anew.

Numbers keep their own spelling, and members their order, so that an unchanged document says exactly what it said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, Literal

from weighlock.errors import Malformed
from weighlock.model import Role
from weighlock.wire import strictjson
from weighlock.wire.strictjson import Number

INNER = "~>"
"""Between the pointer of a string and a pointer into the JSON that the string holds; no RFC 6901 pointer has it."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*')
_POINT_NOTHING = re.compile(r"(-?[0-9]+)\.0+")
_EXPONENT = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?[eE][+-]?[0-9]{1,2}")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")

ROLES = MappingProxyType({"string": Role.CONTENT, "number": Role.NUMBER, "key": Role.KEY})
"""What a leaf is where nothing more is known of it, by its kind."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """*pointer* is an RFC 6901 pointer; that of a member's name is the member's with `key:` before it. A number's
    value is all its digits, where it is a whole number in whatever spelling.
    """

    pointer: str
    value: str = field(repr=False)
    kind: Literal["string", "number", "key"]


@dataclass(frozen=True, slots=True)
class Token:
    """A leaf of a JSON text, spelled at `text[start:end]`."""

    leaf: Leaf
    start: int
    end: int

    def rewritten(self, new: str) -> str:
        """What stands in its place when its value is *new*."""
        return encode_basestring(new)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed JSON value, which is a Body. Never changed; `rewrite` makes another."""

    value: Any = field(repr=False)

    @property
    def media(self) -> str:
        return "application/json"

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
        """With the strings and numbers at these pointers replaced by strings. KeyError where there is none.

        A pointer may go on behind INNER, into the JSON that a string holds.
        """
        if not texts:
            return self
        left = self._outer(texts)
        value = _rewritten(self.value, "", left)
        if left:
            raise KeyError("no such place")
        return Document(value)

    def without(self, pointers: Collection[str]) -> Document:
        """With the items of lists at these pointers left out, and the members null. What is not there is no error."""
        return Document(_without(self.value, "", frozenset(pointers))) if pointers else self

    def _outer(self, texts: Mapping[str, str]) -> dict[str, str]:
        """*texts*, with those inside a string put into it."""
        outer = {pointer: text for pointer, text in texts.items() if INNER not in pointer}
        inner: dict[str, dict[str, str]] = {}
        for pointer, text in texts.items():
            place, mark, rest = pointer.partition(INNER)
            if mark:
                inner.setdefault(place, {})[rest] = text
        for place, changes in inner.items():
            parts, position, value = [], 0, self.get(place)
            for token in tokens(value) or ():
                if token.leaf.pointer in changes:
                    parts += [value[position : token.start], token.rewritten(changes.pop(token.leaf.pointer))]
                    position = token.end
            if changes:
                raise KeyError("no such place")
            outer[place] = "".join((*parts, value[position:]))
        return outer

    def dumps(self) -> bytes:
        """Compact UTF-8."""
        parts: list[str] = []
        _dump(self.value, parts.append)
        return "".join(parts).encode()


def parse(data: bytes) -> Document:
    """Raises Malformed, with a code for each way in which it cannot be read without doubt."""
    document = Document(strictjson.parse(data))
    if b"\\u" in data:  # UTF-8 has no surrogates; only an escape makes one
        try:
            for leaf in document.leaves():
                leaf.value.encode()
        except UnicodeEncodeError:
            raise Malformed("json-surrogate", "The body has half of a surrogate pair.") from None
    return document


def tokens(text: str) -> tuple[Token, ...] | None:
    """The leaves of the JSON object or list that *text* is, with their places; None for any other text."""
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        return None
    try:
        document = parse(text.encode())
    except (Malformed, UnicodeEncodeError):
        return None
    spelled = zip(document.leaves(), _TOKEN.finditer(text), strict=True)
    return tuple(Token(leaf, match.start(), match.end()) for leaf, match in spelled)


def below(place: str, pointer: str) -> str:
    """*pointer*, into a value that stands at *place*."""
    name = pointer.removeprefix("key:")
    return f"{'key:' if len(name) < len(pointer) else ''}{place}{name}"


def _leaves(value: Any, pointer: str) -> Iterator[Leaf]:
    if isinstance(value, Number):
        yield Leaf(pointer, _digits(value), "number")
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


def _digits(number: Number) -> str:
    """4.111E3 and 4111.0, as programs write what they took for a quantity, say 4111."""
    if match := _POINT_NOTHING.fullmatch(number):
        return match[1]
    if _EXPONENT.fullmatch(number) and (value := Decimal(number)) == (whole := value.to_integral_value()):
        return f"{whole:f}"
    return str(number)


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


def _without(value: Any, pointer: str, gone: frozenset[str]) -> Any:
    if isinstance(value, dict):
        places = {name: f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}" for name in value}
        return {
            name: None if places[name] in gone else _without(member, places[name], gone)
            for name, member in value.items()
        }
    if isinstance(value, list):
        kept = ((f"{pointer}/{index}", item) for index, item in enumerate(value))
        return [_without(item, place, gone) for place, item in kept if place not in gone]
    return value


def _dump(value: Any, write: Any) -> None:
    if isinstance(value, Number):
        write(value)
    elif isinstance(value, str):
        write(_spelled(value))
    elif isinstance(value, dict):
        separator = "{"
        for name, member in value.items():
            write(separator + _spelled(name) + ":")
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


def _spelled(text: str) -> str:
    """In quotation marks. What readers of lines take for an end of one is escaped: whoever wrote it had done so too."""
    said = encode_basestring(text)
    return said if said.isascii() else _LINE_ENDS.sub(lambda end: f"\\u{ord(end[0]):04x}", said)


def _names(pointer: str) -> list[str]:
    return [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
