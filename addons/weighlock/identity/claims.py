"""Claims by name. A name that begins with "/" is a JSON pointer (RFC 6901) into nested claims; any other is literal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value(claims: Mapping[str, Any], name: str) -> Any | None:
    """None where there is no such claim."""
    if not name.startswith("/"):
        return claims.get(name)
    held: Any = claims
    for token in name[1:].split("/"):
        held = held.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(held, Mapping) else None
    return held


def text(claims: Mapping[str, Any], name: str) -> str | None:
    """As text, for comparison: platforms write ids now as numbers, now as strings. None for what is neither."""
    held = value(claims, name)
    return str(held) if isinstance(held, str | int) and not isinstance(held, bool) else None
