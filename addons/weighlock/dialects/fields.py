"""What the strings, numbers and member names of one API's JSON are. What is not known is somebody's data."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from weighlock.model import NotInspected, Role, Text
from weighlock.wire import bytelists, jsontext
from weighlock.wire.jsontext import INNER, ROLES, Document, Leaf, tokens
from weighlock.wire.strictjson import Number

_CODED = re.compile(r"(?:data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,)?[A-Za-z0-9+/_-]*={0,2}(?:\r?\n)?")
BY_TYPE = "by type"
"""In place of a kind of media: the member `mimeType` beside it tells."""

_SEALED = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")

_MEASURE = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]+)?(?:[eE]-[0-9]{1,3})?")


def is_measure(value: object) -> bool:
    """Whether it is a number that nothing can be found in: too short, or a fraction."""
    return isinstance(value, Number) and bool(_MEASURE.fullmatch(value))


def names(words: str) -> frozenset[str]:
    """Names in one text, apart by white space."""
    return frozenset(words.split())


@dataclass(frozen=True, slots=True)
class Fields:
    """A place is a member's `name`, or `parent/name`; items of lists are at their list's place."""

    keys: frozenset[str] = frozenset()
    """Member names of the API itself; any other is inspected, and cannot be masked."""
    words: frozenset[str] = frozenset()
    """Places of words of the API, not language: patterns are looked for in them, names of people are not."""
    json: frozenset[str] = frozenset()
    """Places of strings that hold JSON: each of its leaves is a text of its own, so that it stays valid."""
    free: frozenset[str] = frozenset()
    """Places of somebody's own JSON: below them, nothing is a word or member name of the API."""
    media: Mapping[str, str] = field(default_factory=dict)
    """Places of base64 that cannot be inspected, with its kind: image, audio, video or file; or BY_TYPE."""
    sealed: frozenset[str] = frozenset()
    """Places of what only the vendor can read, in base64, and takes back unchanged. As words; any other text there is
    inspected as a text.
    """

    def read(
        self, document: Document, runs: Collection[str] = (), place: str = ""
    ) -> tuple[tuple[Text, ...], tuple[NotInspected, ...]]:
        """All texts but those at the pointers *runs*; and what is no text. *place* is put before each pointer."""
        texts: list[Text] = []
        closed: list[NotInspected] = []
        for leaf in document.leaves():
            if leaf.pointer in runs:
                continue
            if kind := self.closed(leaf.pointer, leaf.value) if leaf.kind == "string" else "":
                closed.append(NotInspected(_told(document, leaf.pointer) if kind == BY_TYPE else kind, len(leaf.value)))
            else:
                texts += self._texts(leaf, _ways(leaf.pointer))
        texts += bytelists.spelt(texts)
        if place:
            texts = [replace(text, pointer=jsontext.below(place, text.pointer)) for text in texts]
        return tuple(texts), tuple(closed)

    def closed(self, pointer: str, value: str) -> str:
        """The kind of media that the string *value* at *pointer* is; empty where it is a text."""
        kind = next((self.media[way] for way in _ways(pointer) if way in self.media), "")
        return kind if value and _CODED.fullmatch(value) and not self.is_free(pointer) else ""

    def is_word(self, pointer: str) -> bool:
        """Whether the string at *pointer* is a word of the API."""
        return not self.words.isdisjoint(_ways(pointer))

    def is_sealed(self, pointer: str, value: str) -> bool:
        return not self.sealed.isdisjoint(_ways(pointer)) and _is_sealed(value)

    def is_json(self, pointer: str) -> bool:
        return not self.json.isdisjoint(_ways(pointer))

    def _texts(self, leaf: Leaf, ways: Collection[str]) -> list[Text]:
        free = self.is_free(leaf.pointer)
        if leaf.kind == "key" and not free and leaf.value in self.keys:
            return []
        if leaf.kind == "string" and not free and not self.json.isdisjoint(ways):
            inner = tokens(leaf.value)
            if inner is not None:
                return [
                    Text(f"{leaf.pointer}{INNER}{token.leaf.pointer}", ROLES[token.leaf.kind], token.leaf.value)
                    for token in inner
                ]
        word = leaf.kind == "string" and not free and self._is_word(ways, leaf.value)
        return [Text(leaf.pointer, Role.PARAMETER if word else ROLES[leaf.kind], leaf.value)]

    def _is_word(self, ways: Collection[str], value: str) -> bool:
        return not self.words.isdisjoint(ways) or (not self.sealed.isdisjoint(ways) and _is_sealed(value))

    def is_free(self, pointer: str) -> bool:
        """Whether it stands in somebody's own JSON."""
        return _stands_in(self.free, pointer)


def _is_sealed(value: str) -> bool:
    """Whether it is base64 of what is no text."""
    if not _SEALED.fullmatch(value):
        return False
    bare = value.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        urlsafe_b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except UnicodeDecodeError:
        return True
    except binascii.Error:
        pass
    return False


@lru_cache(8192)
def _stands_in(places: frozenset[str], pointer: str) -> bool:
    """Whether anything above *pointer* is one of *places*."""
    path = _path(pointer)[:-1]
    return any(name in places or "/".join(path[at - 1 : at + 1]) in places for at, name in enumerate(path))


@lru_cache(8192)
def _ways(pointer: str) -> tuple[str, ...]:
    """The two ways to name a place."""
    path = _path(pointer)
    return (path[-1], "/".join(path[-2:])) if len(path) > 1 else tuple(path)


def _path(pointer: str) -> list[str]:
    """Names of members only: a list's items are at its place. A member whose name is a number is taken for an item."""
    return [name for name in pointer.split("/")[1:] if not name.isdecimal()]


def _told(document: Document, pointer: str) -> str:
    """The kind that `mimeType` names. All that is neither image, audio nor video is a file."""
    beside = pointer.rpartition("/")[0]
    said = document.get(f"{beside}/mimeType") or document.get(f"{beside}/mime_type")
    kind = said.partition("/")[0].lower() if isinstance(said, str) else ""
    return kind if kind in ("image", "audio", "video") else "file"
