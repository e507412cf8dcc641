"""Who is logged in to the console: sessions in memory, which end with the gateway."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from weighlock.adapters.identifier import Verified

MOST = 1000
"""Sessions at once; of more, the oldest end."""


@dataclass(frozen=True, slots=True)
class Session:
    """Of one person in one browser. *forms* is what each of its forms must bring back."""

    id: str = field(repr=False)
    verified: Verified = field(repr=False)
    until: float
    forms: str = field(repr=False)

    def wrote(self, token: str) -> bool:
        """Whether *token* is that of a form of this session."""
        return hmac.compare_digest(self.forms.encode(), token.encode())


class BrowserSessions:
    """*clock* is Unix time; a session lives *seconds*, however busy it is."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._open: dict[str, Session] = {}

    def open(self, verified: Verified) -> str:
        """What the browser's cookie holds. Here it is known by its digest alone."""
        now, secret = self._clock(), secrets.token_urlsafe(32)
        self._open = {id: one for id, one in self._open.items() if one.until > now}
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        id = _id(secret)
        self._open[id] = Session(id, verified, now + self._seconds, secrets.token_urlsafe(32))
        return secret

    def find(self, secret: str) -> Session | None:
        session = self._open.get(_id(secret))
        return session if session and self._clock() < session.until else None

    def close(self, session: Session) -> None:
        self._open.pop(session.id, None)


def _id(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
