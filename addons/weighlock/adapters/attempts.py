"""Logins that are under way. Each is kept by the browser that began it, sealed: nobody can crowd out another's."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weighlock.errors import Forbidden

MINUTES = 10
"""A login takes no longer."""
FINISHED = 10_000
"""Logins of which it is known that they were finished; the issuer's code is good once besides."""
_NONCE, _PURPOSE = 12, b"login"


@dataclass(frozen=True, slots=True)
class Attempt:
    issuer: str
    back: str
    until: float
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class Attempts:
    """*clock* is Unix time. The key is of this process: what began before a restart begins again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._aead = AESGCM(AESGCM.generate_key(256))
        self._finished: dict[str, float] = {}

    def begin(self, issuer: str, back: str) -> tuple[Attempt, str]:
        """An attempt, and what its browser keeps of it."""
        attempt = Attempt(issuer, back, self._clock() + 60 * MINUTES)
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._aead.encrypt(nonce, json.dumps(asdict(attempt)).encode(), _PURPOSE)
        return attempt, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def finish(self, kept: str, state: str) -> Attempt:
        """The attempt that *kept* is of, once. Forbidden where it did not begin in this browser, or took too long."""
        attempt, now = self._opened(kept), self._clock()
        if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise Forbidden("login-unknown", "This login did not begin in this browser.", next_step="Log in again.")
        if now >= attempt.until or attempt.state in self._finished:
            raise Forbidden(
                "login-over", "This login took too long, or was finished before.", next_step="Log in again."
            )
        self._finished = {state: until for state, until in self._finished.items() if until > now}
        while len(self._finished) >= FINISHED:
            del self._finished[next(iter(self._finished))]
        self._finished[attempt.state] = attempt.until
        return attempt

    def _opened(self, kept: str) -> Attempt | None:
        try:
            sealed = base64.urlsafe_b64decode(kept.encode() + b"==")
            return Attempt(**json.loads(self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE)))
        except (binascii.Error, ValueError, InvalidTag):
            return None
