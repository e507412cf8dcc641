"""Strings of a stream's events that go on in a later event."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from weighlock.dialects.fields import Fields
from weighlock.errors import BadReply
from weighlock.model import Role, Text
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Run
from weighlock.wire.strictjson import Number

LONGEST = 4096
"""Characters of the words at one place, joined, that a stream may have."""


def event_of(document: Document) -> dict[str, Any]:
    """What an event says, which is an object."""
    if not isinstance(document.value, dict):
        raise shapeless()
    return document.value


class Runs:
    """The runs of one stream. What a model host calls its parts is not repeated in their names: those are recorded."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._names: dict[tuple[str, str, str], str] = {}

    def of(self, value: Any, pointer: str, group: str, part: str = "", *, json: bool = False) -> dict[str, Run]:
        """Of each string below *value*, by pointer, but words of the API and what is no text. Names begin with *group*;
        strings of one *part* of it that stand at one place below their *value* continue each other. With *json*, and
        where their place says so, all of them together are to be JSON.
        """
        return {
            place: Run(self._name(group, part, place[len(pointer) :]), json or self._fields.is_json(place))
            for place, said in _strings(value, pointer)
            if not self._at_once(place, said)
        }

    def words(self, value: Any) -> list[tuple[str, str]]:
        """The words of the API in *value*, with their pointers."""
        return [(place, said) for place, said in _strings(value, "") if self._fields.is_word(place)]

    def begun(self, group: str, part: str) -> tuple[str, ...]:
        """The names of those of one part."""
        return tuple(name for (*own, _), name in self._names.items() if own == [group, part])

    def _name(self, group: str, part: str, place: str) -> str:
        return self._names.setdefault((group, part, place), f"{group}run {len(self._names)} ")

    def _at_once(self, pointer: str, value: str) -> bool:
        fields = self._fields
        return fields.is_word(pointer) or fields.is_sealed(pointer, value) or bool(fields.closed(pointer, value))


class Words:
    """What several events say at one place where words come whole: clients join these as they join texts. Joined, they
    are inspected too, as what cannot be masked: a part of it may have left.
    """

    def __init__(self) -> None:
        self._said: dict[Hashable, tuple[str, str]] = {}
        """What was said at a place: all of it, and the last."""

    def joined(self, place: Hashable, pointer: str, value: str) -> list[Text]:
        """*value*, which stands at *pointer*, with what was said before it. Nothing for the first, and for what is only
        said again.
        """
        before, last = self._said.get(place, ("", ""))
        if value in ("", last) or pointer.endswith("/type"):
            return []
        said = before + value
        if len(said) > LONGEST and before:
            raise shapeless()
        self._said[place] = said, value
        return [Text(f"joined:{pointer}", Role.KEY, said)] if before else []


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from _strings(inner, f"{pointer}/{member.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _strings(inner, f"{pointer}/{place}")
    elif isinstance(value, str) and not isinstance(value, Number):
        yield pointer, value


def number(event: dict[str, Any], member: str) -> str:
    """The index that *member* says."""
    said = event.get(member)
    if not isinstance(said, Number) or not said.isdecimal() or len(said) > 4:
        raise shapeless()
    return str(said)


def shapeless() -> BadReply:
    return BadReply("stream-shape", "The stream is not one of this API.")
