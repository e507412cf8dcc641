"""A rule as one expression that matches what may become its match: all of it, or a beginning that the text ends in.

`(?P<value>` stands where the value begins, of which one character is there at least. It is made from the wider form of
detection/relaxed: it matches too often at times, and never too seldom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from weighlock.detection.relaxed import relaxed

_TOKEN = re.compile(
    r"(?P<switch>\(\?[a-zA-Z-]+\))|(?P<open>\((?:\?P<(?P<name>\w+)>|\?(?P<flags>[a-zA-Z-]*):)?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<class>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|(?P<often>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?P<bound>\\[bB])"
    r"|(?P<anchor>\^|\$|\\A|\\z)|(?P<char>\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\[pP](?:\{\^?\w+\}|\w)|\\.|[^\\])",
    re.DOTALL,
)
END = r"\z"


@dataclass(frozen=True, slots=True)
class _Part:
    """Expressions of a part of a pattern; None for what cannot be."""

    full: str
    """All of it."""
    solid: str | None
    """All of it, where that is not empty."""
    begun: str | None
    """The text ends within it, before its last character, maybe before its first."""
    some: str | None
    """The text ends within it, behind its first character and before its last."""

    @property
    def may_be_empty(self) -> bool:
        return self.solid != self.full


def begun(pattern: str) -> str | None:
    """None for a pattern that cannot be read so: then anything may become a match."""
    wider = relaxed(pattern)
    if wider is None:
        return None
    reader = _Reader(wider)
    parts = reader.sequence()
    if reader.left:
        return None
    for at, part in enumerate(parts):
        if isinstance(part, _Value):
            before = "".join(_one(other).full for other in parts[:at])
            return f"{before}(?P<value>{_solid_chain([*part.inner, *parts[at + 1 :]])})"
    return f"(?P<value>{_solid_chain(parts)})"


@dataclass(frozen=True, slots=True)
class _Value:
    """The group of the value, where it stands outside of all others."""

    inner: list[_Part | _Value]


def _one(part: _Part | _Value) -> _Part:
    if isinstance(part, _Part):
        return part
    return _joined([_one(inner) for inner in part.inner])


def _joined(parts: Sequence[_Part]) -> _Part:
    """*parts* one after the other."""
    full = "".join(part.full for part in parts)
    empty = all(part.may_be_empty for part in parts)
    solid = None if all(part.solid is None for part in parts) else f"(?:{full})" if empty else full
    return _Part(full, solid, _begun(parts), _some(parts))


def _chain(parts: Sequence[_Part]) -> str:
    """All of *parts*, or a beginning of them."""
    made = ""
    for part in reversed(parts):
        made = _either(part.begun, part.full + made) or ""
    return made


def _solid_chain(parts: Sequence[_Part | _Value]) -> str:
    """The same, with one character at least."""
    flat = [_one(part) for part in parts]
    if not flat:
        return r"[^\x00-\x{10ffff}]"
    first, rest = flat[0], flat[1:]
    ways = [first.some, None if first.solid is None else first.solid + _chain(rest)]
    if first.may_be_empty:
        ways.append((first.full if first.solid is None else "") + _solid_chain(rest))
    return _either(*ways) or ""


def _begun(parts: Sequence[_Part]) -> str | None:
    made: str | None = None
    for part in reversed(parts):
        made = _either(part.begun, None if made is None else part.full + made)
    return made


def _some(parts: Sequence[_Part]) -> str | None:
    if not parts:
        return None
    first, rest = parts[0], parts[1:]
    later = _begun(rest)
    ways = [first.some, None if first.solid is None or later is None else first.solid + later]
    if first.may_be_empty and (some := _some(rest)) is not None:
        ways.append((first.full if first.solid is None else "") + some)
    return _either(*ways)


def _either(*ways: str | None) -> str | None:
    found = [way for way in ways if way is not None]
    return None if not found else found[0] if len(found) == 1 else f"(?:{'|'.join(found)})"


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._tokens = list(_TOKEN.finditer(pattern))
        self._at = 0
        self._depth = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._tokens)

    def sequence(self) -> list[_Part | _Value]:
        """Up to the end of the group; an alternation of sequences is one part."""
        ways: list[list[_Part | _Value]] = [[]]
        while self.left and not self._tokens[self._at]["close"]:
            token = self._tokens[self._at]
            self._at += 1
            if token["or"]:
                ways.append([])
            elif token["often"]:
                ways[-1].append(_often(_one(ways[-1].pop()), token[0]))
            else:
                ways[-1].append(self._part(token))
        if len(ways) == 1:
            return ways[0]
        made = [_joined([_one(part) for part in way]) for way in ways]
        full = f"(?:{'|'.join(way.full for way in made)})"
        empty = any(way.may_be_empty for way in made)
        solid, begun, some = (
            _either(*found) for found in zip(*((way.solid, way.begun, way.some) for way in made), strict=True)
        )
        return [_Part(full, solid if empty else full, begun, some)]

    def _part(self, token: re.Match[str]) -> _Part | _Value:
        if token["open"]:
            self._depth += 1
            inner = self.sequence()
            self._at += 1
            self._depth -= 1
            if token["name"] == "value" and self._depth == 0:
                return _Value(inner)
            one, flags = _joined([_one(part) for part in inner]), f"(?{token['flags'] or ''}:"
            solid, begun, some = (None if way is None else f"{flags}{way})" for way in (one.solid, one.begun, one.some))
            full = f"{flags}{one.full})"
            return _Part(full, full if one.solid == one.full else solid, begun, some)
        if token["switch"] or token["anchor"]:
            return _Part(token[0], None, None, None)
        if token["bound"]:  # what follows decides, and is not known yet
            return _Part("", None, None, None)
        return _Part(token[0], token[0], END, None)


def _often(part: _Part, often: str) -> _Part:
    """As seldom as possible, whatever the pattern says: the match whose value begins first is wanted."""
    bare = often.removesuffix("?") if len(often) > 1 else often
    if bare == "?":
        return _Part(f"(?:{part.full})??", part.solid, part.begun, part.some)
    again = None if part.begun is None else f"(?:{part.full})*?{part.begun}"
    some = _either(part.some, None if part.begun is None or part.solid is None else f"(?:{part.solid})+?{part.begun}")
    full, once = f"(?:{part.full}){bare}?", None if part.solid is None else f"(?:{part.solid})+?"
    return _Part(full, once if bare == "*" or part.may_be_empty else full, again, some)
