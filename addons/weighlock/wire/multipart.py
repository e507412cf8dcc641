"""multipart/form-data (RFC 7578), read so that it has one meaning only, and written anew.

Libraries read what is in doubt without a word: bare line feeds, a preamble, parts without a name, one parameter twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from weighlock.errors import Malformed

MAX_PARTS = 1000
_TYPE = re.compile(
    r"""multipart/form-data;\s*boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{0,69}[^\s"])"|([0-9A-Za-z'+_.-]{1,70}))""",
    re.IGNORECASE,
)
_DISPOSITION = re.compile(r'form-data; *name="([^"\\\r\n\0]+)"(?:; *filename="([^"\\\r\n\0]*)")?', re.IGNORECASE)
_MEDIA = re.compile(r"([\w.+-]{1,64}/[\w.+-]{1,64})(?:; *charset=\"?utf-?8\"?)?", re.IGNORECASE | re.ASCII)


class Value(Protocol):
    """What a part holds: a Body."""

    def rewrite(self, texts: Mapping[str, str]) -> Value: ...

    def without(self, pointers: Collection[str]) -> Value: ...

    def dumps(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Raw:
    """A part as it came. *filename* is None for a field that is no file, and *media* empty where nothing is said."""

    name: str = field(repr=False)
    filename: str | None = field(repr=False)
    media: str = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    name: str = field(repr=False)
    filename: str | None = field(repr=False)
    media: str = field(repr=False)
    value: Value = field(repr=False)
    extension: str = ""
    """What stands behind *filename*, and is never rewritten."""

    def rewrite(self, texts: Mapping[str, str]) -> Part:
        inner = {p.removeprefix("/value"): new for p, new in texts.items() if p.startswith("/value")}
        return replace(
            self,
            filename=texts.get("/filename", self.filename),
            media=texts.get("/type", self.media),
            value=self.value.rewrite(inner) if inner else self.value,
        )

    def dumps(self) -> bytes:
        head = f'Content-Disposition: form-data; name="{_quoted(self.name)}"'
        if self.filename is not None:
            head += f'; filename="{_quoted(self.filename + self.extension)}"'
        if self.media:
            head += f"\r\nContent-Type: {_line(self.media)}"
        return head.encode() + b"\r\n\r\n" + self.value.dumps()


@dataclass(frozen=True, slots=True)
class Form:
    """A Body. Pointers are `/0/filename`, `/0/type`, and `/0/value` with one into the value behind it."""

    parts: tuple[Part, ...]
    boundary: str

    @property
    def media(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    def rewrite(self, texts: Mapping[str, str]) -> Form:
        """KeyError for a pointer that is none of its own."""
        by_part: dict[int, dict[str, str]] = {}
        for pointer, new in texts.items():
            number, slash, rest = pointer[1:].partition("/")
            by_part.setdefault(int(number), {})[slash + rest] = new
        if any(number >= len(self.parts) for number in by_part):
            raise KeyError("no such place")
        parts = (part.rewrite(by_part.get(number, {})) for number, part in enumerate(self.parts))
        return replace(self, parts=tuple(parts))

    def without(self, pointers: Collection[str]) -> Form:
        if pointers:
            raise KeyError("nothing is left out of a form")
        return self

    def dumps(self) -> bytes:
        mark = f"--{self.boundary}".encode()
        parts = [part.dumps() for part in self.parts]
        if any(mark in part for part in parts):
            raise Malformed("form-boundary", "A part of the form holds what is to stand between its parts.")
        return b"".join(b"%b\r\n%b\r\n" % (mark, part) for part in parts) + mark + b"--\r\n"


def boundary(body: bytes) -> str:
    """One that *body* cannot hold: its own digest."""
    return hashlib.sha256(body).hexdigest()


def parse(content_type: str, body: bytes) -> tuple[Raw, ...]:
    """The parts in order. Raises Malformed for whatever two readers could read in two ways."""
    match = _TYPE.fullmatch(content_type.strip())
    if not match:
        raise _malformed("It needs one plain `boundary`.")
    mark = b"\r\n--" + (match[1] or match[2]).encode()
    before, *parts = (b"\r\n" + body).split(mark)
    if before or not parts or parts.pop() not in (b"--", b"--\r\n"):
        raise _malformed("It begins and ends with its boundary.")
    if len(parts) > MAX_PARTS:
        raise _malformed(f"It has more than {MAX_PARTS} parts.")
    return tuple(_part(part) for part in parts)


def _part(part: bytes) -> Raw:
    head, end, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise _malformed("The header of a part is not UTF-8.") from None
    fields = {name.lower(): value.strip(" ") for name, _, value in (line.partition(":") for line in lines)}
    twice = len(fields) < len(lines)
    says_media = "content-type" in fields
    fields.pop("content-length", None)
    disposition = _DISPOSITION.fullmatch(fields.pop("content-disposition", ""))
    media = _MEDIA.fullmatch(fields.pop("content-type", "text/plain"))
    if not part.startswith(b"\r\n") or not end or not disposition or not media or fields or twice:
        raise _malformed("A part has a name and perhaps a filename and a media type, and nothing else.")
    return Raw(disposition[1], disposition[2], media[1].lower() if says_media else "", data)


def _quoted(name: str) -> str:
    """As HTML's forms and their readers have it."""
    return _line(name.replace('"', "%22"))


def _line(text: str) -> str:
    return re.sub(r"[\r\n\0]", " ", text)


def _malformed(why: str) -> Malformed:
    return Malformed("form-malformed", f"The form is not multipart/form-data that can be read without doubt. {why}")
