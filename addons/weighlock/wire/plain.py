"""Bodies that are one text, or that nobody reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlainText:
    """A Body that is one text, at the pointer ""."""

    text: str = field(repr=False)
    media: str = "text/plain; charset=utf-8"

    def rewrite(self, texts: Mapping[str, str]) -> PlainText:
        if texts.keys() - {""}:
            raise KeyError("no such place")
        return PlainText(texts.get("", self.text), self.media)

    def without(self, pointers: Collection[str]) -> PlainText:
        return self

    def dumps(self) -> bytes:
        return self.text.encode()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A Body that is not inspected: it goes on as it came, where it may go on at all."""

    data: bytes = field(repr=False)
    media: str = "application/octet-stream"

    def rewrite(self, texts: Mapping[str, str]) -> Opaque:
        if texts:
            raise KeyError("no such place")
        return self

    def without(self, pointers: Collection[str]) -> Opaque:
        return self

    def dumps(self) -> bytes:
        return self.data


def text_of(data: bytes) -> str | None:
    """The text that *data* is in UTF-8; None for anything else. NUL is no text: it may be UTF-16."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
