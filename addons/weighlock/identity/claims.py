"""Claims by name, and what they say of the run that a token is of.

A name that begins with "/" is a JSON pointer (RFC 6901) into nested claims; any other is literal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from weighlock.identity.issuers import Issuer
from weighlock.identity.presets import ANY

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
    held = value(claims, name)
    if isinstance(held, bool):
        return "true" if held else "false"
    return str(held) if isinstance(held, str | int) else None


def completed(issuer: Issuer, claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """*claims* with those that the issuer's preset reads out of others, which no token can set itself."""
    if not issuer.derived:
        return claims
    found: dict[str, Any] = {name: held for name, held in claims.items() if name not in issuer.derived}
    for name, (source, pattern) in issuer.derived.items():
        if match := re.fullmatch(pattern, text(claims, source) or ""):
            found[name] = match[1]
    return found


def untrusted(issuer: Issuer, claims: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """The claim by which somebody from outside may have started this run, or empty.

    A workload takes such runs only where its own claims, *named*, have exactly that claim and value. A token that does
    not say what started the run is of such a run.
    """
    for name, values in issuer.untrusted.items():
        said = text(claims, name)
        suspect = value(claims, name) is not None if ANY in values else said is None or said in values
        if suspect and (said is None or named.get(name) != said):
            return name
    return ""
