"""RFC 8785: the one canonical spelling of a JSON value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import rfc8785

_EXACT = 1 << 53
"""Integers below it are exact in a double."""
_spelled = msgspec.json.Encoder(order="sorted").encode


def dumps(value: dict[str, Any]) -> bytes:
    """ValueError where *value* holds what JSON cannot (NaN, lone surrogates, integers over 2^53, other keys)."""
    try:
        plain = _is_plain(value)
    except TypeError:
        raise ValueError("object keys must be strings") from None
    return _spelled(value) if plain else rfc8785.dumps(value)


def _is_plain(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> bool:
    """Whether msgspec writes *value* as RFC 8785 does, many times faster: not keys that UTF-16 puts in another order,
    nor numbers with another spelling. TypeError for a key that is no string.
    """
    parts: Iterable[Any] = value
    if type(value) is dict:
        if not "".join(value).isascii():
            return False
        parts = value.values()
    for part in parts:
        kind = type(part)
        if kind is str:
            continue
        if kind is dict or kind is list or kind is tuple:
            if part and not _is_plain(part):
                return False
        elif kind is int:
            if not -_EXACT < part < _EXACT:
                return False
        elif kind is float:
            if part.is_integer() or not 1e-4 <= abs(part) < 1e15:  # NaN is not either
                return False
        elif kind is not bool and part is not None:
            return False
    return True
