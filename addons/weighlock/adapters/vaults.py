"""The vaults of open sessions: in memory, and sealed at rest where that is wanted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from weighlock.adapters.stores.vault import VaultStore
from weighlock.errors import Unavailable
from weighlock.masking.vault import Kept, Vault
from weighlock.model import Action, Principal, Verdict

LIMIT = 1 << 20
"""Characters that one session's vault holds."""
_EVERY = 5.0
"""Seconds between two looks for what has expired."""


def session_of(principal: Principal) -> str:
    """The session that was opened, else the token."""
    return principal.session or principal.token_id


def scope_of(principal: Principal, verdict: Verdict) -> str:
    """Within which pseudonyms are the same: the session; of what is held, the workload."""
    return f"held {principal.workload}" if verdict.action is Action.HOLD else session_of(principal)


class Vaults:
    """*store* None keeps them in memory alone. *clock* is Unix time."""

    def __init__(self, store: VaultStore | None, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._open: dict[str, tuple[Principal, Vault]] = {}
        self._writing = asyncio.Lock()

    async def of(self, principal: Principal) -> Vault:
        """Raises Unavailable where what is at rest cannot be read."""
        session = session_of(principal)
        if session not in self._open:
            vault = Vault(LIMIT)
            for kept in await self._stored(lambda store: store.load(session)) or []:
                vault.keep(kept)
            self._open.setdefault(session, (principal, vault))
        return self._open[session][1]

    async def save(self, principal: Principal, new: list[Kept]) -> None:
        """Raises Unavailable where they cannot be kept at rest."""
        if new:
            await self._stored(lambda store: store.add(session_of(principal), new, principal.expires_at))

    async def sweep(self, may_call: Callable[[Principal], bool]) -> None:
        """Wipe the vaults of sessions that are over."""
        now = self._clock()
        over = [
            session
            for session, (principal, _) in self._open.items()
            if principal.expires_at <= now or not may_call(principal)
        ]
        for session in over:
            del self._open[session]
        await self._stored(lambda store: store.wipe(over, now))

    async def watch(self, may_call: Callable[[Principal], bool]) -> None:
        while True:
            await self.sweep(may_call)
            await asyncio.sleep(_EVERY)

    async def _stored[T](self, work: Callable[[VaultStore], T]) -> T | None:
        if self._store is None:
            return None
        async with self._writing:
            try:
                return await asyncio.to_thread(work, self._store)
            except sqlite3.Error:
                raise Unavailable("vault-unusable", "The vault cannot be used right now.") from None
