"""What makes a text a credential, and how long one is good."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LIMIT = 16 << 10
"""Characters of a credential or subject token. Most servers take no longer header field."""
MARGIN = 60.0
"""Seconds before its end at which a credential is replaced at the latest, where it lives for at least twice that."""

_VALUE = re.compile(r"[\x21-\x7e]+")


class Unusable(Exception):
    """There is no credential. The text is a phrase that says why; it is public, and never quotes what was read."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential in hand. Times are of the clock that `lasting` was given."""

    value: str = field(repr=False)
    refresh_at: float
    expires_at: float


def checked(text: str, what: str) -> str:
    """*text* without the line end and other white space around it; Unusable where it cannot stand in a header field."""
    value = text.strip()
    if not value:
        raise Unusable(f"{what} is empty")
    if len(value) > LIMIT:
        raise Unusable(f"{what} is over {LIMIT} characters")
    if not _VALUE.fullmatch(value):
        raise Unusable(f"{what} has a space, a line end or another character that no header field can carry")
    return value


def lasting(value: str, now: float, life: float) -> Secret:
    """*value*, good for *life* seconds from *now*; to be replaced at 80 % of them, or MARGIN before their end.

    Never before half of them: a short-lived credential would be replaced with each request.
    """
    return Secret(value, now + max(min(0.8 * life, life - MARGIN), life / 2), now + life)
