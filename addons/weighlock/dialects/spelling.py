"""Token probabilities of a reply: they spell a text piece by piece, and so show what is masked in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighlock.dialects.base import Said
from weighlock.dialects.dialect import Operation
from weighlock.dialects.fields import Fields, is_measure
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Spelled
from weighlock.wire.strictjson import Number

_PIECEWISE = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
"""Lists of equal length, of the older kind."""
_IDS = re.compile(
    r"(?:/data/\d+)?(?:/choices/\d+(?:/(?:delta|message))?)?"
    r"/(?:prompt_logprobs|prompt_token_ids|token_ids|__verbose)"
)
"""What servers add that says in token ids, or piece by piece, what was asked or answered."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """*told* holds the pointers of leaves that need no inspection of their own: they are spelled, or dropped."""

    spelled: Mapping[str, tuple[Spelled, ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()


def spelling(document: Document, dropped: Collection[str] = ()) -> Spelling:
    """Of each `logprobs` in a reply: what spells the text beside it. What does not spell it exactly is dropped.

    So is what stands at *dropped*.
    """
    members = [("", document.value), *_members(document.value, "")]
    found = _Found([*dropped, *(place for place, value in members if value and _IDS.fullmatch(place))])
    for place, holder in members:
        if isinstance(holder, dict) and isinstance(holder.get("logprobs"), dict | list) and holder["logprobs"]:
            for text, at, said in _lists(place, holder):
                found.take(at, said, text, document.get(text) if text else None)
    return found.spelling(document)


def with_spelling(fields: Fields, document: Document) -> Said:
    """A JSON reply, with what its token probabilities spell."""
    own = spelling(document)
    return Said(document, *fields.read(document, own.told), spelled=own.spelled, dropped=own.dropped)


def reply(operation: Operation, document: Document) -> Said:
    return with_spelling(operation.fields, document)


class _Found:
    def __init__(self, dropped: list[str]) -> None:
        self._spelled: dict[str, tuple[Spelled, ...]] = {}
        self._dropped = dropped
        self._told: set[str] = set()

    def take(self, at: str, said: Any, place: str, text: Any) -> None:
        """*said*, which stands at *at*, spells *text*."""
        found = _exact(at, said, text) if isinstance(text, str) and not isinstance(text, Number) else None
        if found is None:
            self._dropped.append(at)
            return
        self._spelled[place] = found
        if isinstance(said, dict):
            self._told |= {f"{at}/tokens/{number}" for number in range(len(said["tokens"]))}
            for name in ("token_logprobs", "text_offset"):
                numbers = enumerate(said.get(name) or ())
                self._told |= {f"{at}/{name}/{n}" for n, value in numbers if is_measure(value)}
        else:
            for number, entry in enumerate(said):
                self._entry(f"{at}/{number}", entry)

    def _entry(self, place: str, entry: dict[str, Any]) -> None:
        spelt = entry.get("bytes")
        self._told |= {f"{place}/bytes/{number}" for number in range(len(spelt or ()))}
        if spelt is None or spelt == _numbers(entry["token"]):
            self._told.add(f"{place}/token")
        if is_measure(entry.get("logprob")):
            self._told.add(f"{place}/logprob")
        others = entry.get("top_logprobs")
        for number, other in enumerate(others if isinstance(others, list) else ()):
            if isinstance(other, dict) and isinstance(other.get("token"), str):
                self._alternative(f"{place}/top_logprobs/{number}", other)

    def _alternative(self, place: str, other: dict[str, Any]) -> None:
        """A text of its own, which goes with all that is said of it where it is masked."""
        token, spelt = other["token"], other.get("bytes")
        self._spelled[f"{place}/token"] = (Spelled(0, len(token), (place,)),)
        if is_measure(other.get("logprob")):
            self._told.add(f"{place}/logprob")
        if spelt == _numbers(token):
            self._told |= {f"{place}/bytes/{number}" for number in range(len(spelt))}
        elif spelt is not None:
            self._dropped.append(f"{place}/bytes")

    def spelling(self, document: Document) -> Spelling:
        if self._dropped:
            dropped = frozenset(self._dropped)
            pointers = (leaf.pointer for leaf in document.leaves())
            self._told |= {pointer for pointer in pointers if _within(pointer.removeprefix("key:"), dropped)}
            self._told -= {f"key:{pointer}" for pointer in self._dropped}  # the name stays
        return Spelling(self._spelled, tuple(self._dropped), frozenset(self._told))


def _within(pointer: str, places: frozenset[str]) -> bool:
    """Whether it is one of *places*, or below one."""
    while pointer and pointer not in places:
        pointer = pointer.rpartition("/")[0]
    return bool(pointer)


def _members(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """All below *value*, with their places."""
    if isinstance(value, dict):
        below = [(f"{place}/{name.replace('~', '~0').replace('/', '~1')}", member) for name, member in value.items()]
    else:
        below = [(f"{place}/{number}", item) for number, item in enumerate(value)] if isinstance(value, list) else []
    for pointer, member in below:
        yield pointer, member
        yield from _members(member, pointer)


def _lists(place: str, holder: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The pointer of a text, that of what spells it, and that itself. No text: nobody knows what it spells."""
    said, at = holder["logprobs"], f"{place}/logprobs"
    if isinstance(said, list):
        text = next((name for name in ("delta", "transcript") if isinstance(holder.get(name), str)), "text")
        yield f"{place}/{text}", at, said
    elif "tokens" in said:
        yield f"{place}/text", at, said
    else:
        within = "delta" if isinstance(holder.get("delta"), dict) else "message"
        for name, entries in said.items():
            if entries is not None:
                text = f"{place}/{within}/{name}" if name in ("content", "refusal") else ""
                yield text, f"{at}/{name.replace('~', '~0').replace('/', '~1')}", entries


def _exact(at: str, said: Any, text: str) -> tuple[Spelled, ...] | None:
    if isinstance(said, dict):
        pieces = _older(said)
        places = [tuple(f"{at}/{name}/{number}" for name in _PIECEWISE) for number in range(len(pieces or ()))]
    else:
        pieces = _pieces(said)
        places = [(f"{at}/{number}",) for number in range(len(pieces or ()))]
    return None if pieces is None else exact(pieces, places, text)


def exact(pieces: Sequence[bytes], places: Sequence[tuple[str, ...]], text: str) -> tuple[Spelled, ...] | None:
    """Which part of *text* each piece spells; None unless they spell all of it, and nothing else."""
    data = text.encode()
    if b"".join(pieces) != data:
        return None
    spelled, position, points = [], 0, 0
    for piece, place in zip(pieces, places, strict=True):
        within = position < len(data) and data[position] & 0xC0 == 0x80  # it goes on in the middle of a character
        start = points - within
        points += sum(byte & 0xC0 != 0x80 for byte in piece)
        position += len(piece)
        spelled.append(Spelled(start, points, place))
    return tuple(spelled)


def _older(said: dict[str, Any]) -> list[bytes] | None:
    lists = [said.get(name) for name in _PIECEWISE]
    tokens = lists[0]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return None
    if not all(one is None or (isinstance(one, list) and len(one) == len(tokens)) for one in lists):
        return None
    return [token.encode() for token in tokens]


def _pieces(entries: Any) -> list[bytes] | None:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    pieces = [_piece(entry) for entry in entries]
    return None if None in pieces else [piece for piece in pieces if piece is not None]


def _piece(entry: dict[str, Any]) -> bytes | None:
    token, spelt = entry.get("token"), entry.get("bytes")
    if not isinstance(token, str) or isinstance(token, Number):
        return None
    if spelt is None or spelt == _numbers(token):
        return token.encode()
    if not isinstance(spelt, list) or not all(
        isinstance(n, Number) and n.isdecimal() and len(n) < 4 and int(n) < 256 for n in spelt
    ):
        return None
    piece = bytes(map(int, spelt))
    try:
        piece.decode()
    except UnicodeDecodeError:
        return piece  # part of a character, which its token can only describe
    return None


def _numbers(token: str) -> list[str]:
    return [str(byte) for byte in token.encode()]
