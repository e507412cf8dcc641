"""Pseudonyms by the order in which they stand: each session has its own for the same person."""

from __future__ import annotations

import re

_PSEUDONYM = re.compile(rb"<([A-Z][A-Z0-9_]*)_[0-9a-f]{8}>")


class Numbers:
    """Those of one session, given as they come."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}

    def of(self, text: bytes) -> bytes:
        """*text* with numbers in their place."""
        return _PSEUDONYM.sub(self._numbered, text)

    def _numbered(self, match: re.Match[bytes]) -> bytes:
        return b"<%s_%d>" % (match[1], self._known.setdefault(match[0], len(self._known)))
