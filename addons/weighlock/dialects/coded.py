"""Base64 that is known by the object it stands in, rather than by its place alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from weighlock.model import NotInspected

_BASE64 = re.compile(
    r"(?:data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*;base64,)?[A-Za-z0-9+/_-]+(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}\s*"
)


def coded(
    value: Any, free: Collection[str], told: Callable[[str, Mapping[str, Any]], tuple[str, str] | None], place: str = ""
) -> Iterator[tuple[str, NotInspected]]:
    """By pointer: what cannot be inspected. *told* says, of a place and the object there, which member is that, and its
    kind; a member that is no base64 is none. What is below members named in *free* is somebody's own.
    """
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from coded(item, free, told, f"{place}/{number}")
    elif isinstance(value, dict):
        for name, member in value.items():
            if name not in free:
                yield from coded(member, free, told, f"{place}/{name.replace('~', '~0').replace('/', '~1')}")
        if found := told(place, value):
            member, kind = found
            data = value.get(member)
            if isinstance(data, str) and _BASE64.fullmatch(data):
                yield f"{place}/{member}", NotInspected(kind, len(data))
