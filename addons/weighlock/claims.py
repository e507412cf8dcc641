"""Claims by name.

A name that begins with "/" is a JSON pointer (RFC 6901) into nested claims; any other is literal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_INDEX = re.compile("0|[1-9][0-9]{0,3}")


def value(claims: Mapping[str, Any], name: str) -> Any | None:
    """None where there is no such claim."""
    if not name.startswith("/"):
        return claims.get(name)
    held: Any = claims
    for token in name[1:].split("/"):
        if isinstance(held, Mapping):
            held = held.get(token.replace("~1", "/").replace("~0", "~"))
        elif isinstance(held, list) and _INDEX.fullmatch(token) and int(token) < len(held):
            held = held[int(token)]
        else:
            return None
    return held


def text(claims: Mapping[str, Any], name: str) -> str | None:
    """As text, for comparison: platforms write ids now as numbers, now as strings, and flags as either.

    None for what has no one spelling: a fraction, a list, an object, null.
    """
    return spelled(value(claims, name))


def spelled(held: Any) -> str | None:
    if isinstance(held, bool):
        return "true" if held else "false"
    return str(held) if isinstance(held, str | int) else None
