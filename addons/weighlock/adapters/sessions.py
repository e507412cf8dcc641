"""Open sessions: found by their handle without a look at the disk, and kept over a restart."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable

from weighlock.adapters.stores.sessions import SessionStore
from weighlock.errors import Unavailable, Unidentified
from weighlock.identity import sessions
from weighlock.identity.sessions import Session
from weighlock.model import Principal

LIMIT = 100_000
"""Most sessions at once."""
_SKEW = 3600.0
"""Seconds for which an exchanged token is remembered beyond its end, whatever leeway its issuer has."""
_LOGIN = "Run `weighlock login` again with a new token of the pipeline."


class Sessions:
    """*clock* is Unix time."""

    def __init__(self, store: SessionStore, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._open: dict[str, Session] = {session.digest: session for session in store.live(clock())}
        self._writing = asyncio.Lock()

    def find(self, handle: str) -> Session:
        """Raises Unidentified for a handle that stands for nothing, or no more."""
        session = self._open.get(sessions.digest(handle))
        if session is None:
            raise Unidentified("session-unknown", "There is no such session.", next_step=_LOGIN)
        if session.expires_at <= self._clock():
            raise Unidentified("session-expired", "The session has expired.", next_step=_LOGIN)
        return session

    async def open(self, principal: Principal, seconds: float) -> tuple[str, Session]:
        """A new session of *principal*, and its handle, which is told once and kept nowhere.

        Raises Unidentified where the principal's token was exchanged before; Unavailable where that cannot be known.
        """
        if principal.session:
            raise Unidentified("session-not-renewable", "A session is not exchanged for another.", next_step=_LOGIN)
        now = self._clock()
        handle = sessions.handle(secrets.token_bytes(sessions.RANDOM))
        session = Session(
            id=secrets.token_hex(6),
            digest=sessions.digest(handle),
            workload=principal.workload,
            issuer=principal.issuer,
            claims=principal.claims,
            token_id=principal.token_id,
            opened_at=now,
            expires_at=now + seconds,
        )
        for digest in [digest for digest, other in self._open.items() if other.expires_at <= now]:
            del self._open[digest]
        if len(self._open) >= LIMIT:
            raise Unavailable("sessions-full", "Too many sessions are open.")
        once = sessions.once(principal.issuer, principal.claims, principal.token_id)
        # Whoever gives up waiting, it is kept in its turn.
        if not await asyncio.shield(self._kept(session, once, principal.expires_at + _SKEW)):
            raise Unidentified(
                "token-exchanged", "This token was exchanged before.", next_step="Fetch a new one from the platform."
            )
        self._open[session.digest] = session
        return handle, session

    async def _kept(self, session: Session, once: str, until: float) -> bool:
        async with self._writing:
            try:
                return await asyncio.to_thread(self._store.add, session, once, until)
            except sqlite3.Error:
                raise Unavailable("sessions-unwritable", "Sessions cannot be kept right now.") from None
