"""Credentials in hand. What lives for a while is kept, and replaced before its end; all else is read anew each time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from weighlock.adapters.credentials import exchange, sources
from weighlock.destination import Credential, Destination
from weighlock.errors import Unavailable
from weighlock.model import Headers
from weighlock.policy import federation
from weighlock.policy.credentials import Secret, Unusable, lasting

log = logging.getLogger("weighlock")

TIMEOUT = 12.0
"""Seconds in which a credential must be had: its source, and the exchange."""
COOL_DOWN = 5.0
"""Seconds after a failure in which no command is run and no token endpoint asked again."""


@dataclass(slots=True)
class _Held:
    secret: Secret | None = None
    fetch: asyncio.Task[Secret | None] | None = None
    failure: str = ""
    """Why the last try failed; empty when it did not."""
    failed_at: float = float("-inf")


class Credentials:
    """*environ* is the gateway's own; *clock* is monotonic; *ca* a PEM file of the token endpoints' authorities."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float], ca: Path | None = None) -> None:
        self._environ, self._clock, self._ca = environ, clock, ca
        self._held: dict[Credential, _Held] = {}

    async def header(self, destination: Destination) -> Headers:
        """What goes with a request to *destination*, the credential first; nothing where it needs none.

        Raises Unavailable where there is none, and none that is still good.
        """
        if destination.credential is None:
            return ()
        value = await self._value(destination.credential, destination.name)
        name = destination.credential_header
        own = (name, f"Bearer {value}" if name == "authorization" else value)
        return (own, *federation.call_headers(destination.credential))

    def refused(self, destination: Destination, header: Headers) -> bool:
        """The model host refused *header*: what is kept of it is dropped. Whether the next call gets a new one."""
        credential = destination.credential
        if credential is None or not _is_kept(credential):
            return False
        held = self._held.get(credential)
        if held and held.secret and header and header[0][1].removeprefix("Bearer ") == held.secret.value:
            held.secret = None
        return True

    async def _value(self, credential: Credential, name: str) -> str:
        held, now = self._held.setdefault(credential, _Held()), self._clock()
        if held.secret and now < held.secret.refresh_at:
            return held.secret.value
        fetch = self._fetching(credential, name, held)
        if held.secret and now < held.secret.expires_at:
            return held.secret.value  # a new one is on its way, and nobody has to wait for it
        secret = await asyncio.shield(fetch) if fetch else None
        if secret is None:
            raise Unavailable(
                "credential-expired" if held.secret else "credential-missing",
                f"The gateway has no credential for destination {name!r}: {held.failure}.",
                next_step="That is for the gateway's operator to look into.",
            )
        return secret.value

    def _fetching(self, credential: Credential, name: str, held: _Held) -> asyncio.Task[Secret | None] | None:
        """The one fetch that is under way, begun now where there is none; None shortly after one has failed."""
        if held.fetch is None:
            if held.failure and _is_kept(credential) and self._clock() - held.failed_at < COOL_DOWN:
                return None
            held.fetch = asyncio.create_task(self._fetch(credential, name, held))
        return held.fetch

    async def _fetch(self, credential: Credential, name: str, held: _Held) -> Secret | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                secret = await self._got(credential)
        except Unusable as error:
            self._failed(held, name, str(error))
            return None
        except TimeoutError:
            self._failed(held, name, f"it was not to be had within {TIMEOUT:.0f} seconds")
            return None
        finally:
            held.fetch = None
        held.failure = ""
        if _is_kept(credential):
            held.secret = secret
        return secret

    def _failed(self, held: _Held, name: str, why: str) -> None:
        """Said once, however often it goes on failing."""
        if not held.failure:
            log.warning("no new credential for destination %s: %s", name, why)
        held.failure, held.failed_at = why, self._clock()

    async def _got(self, credential: Credential) -> Secret:
        now = self._clock()
        value = await sources.read(credential, self._environ)
        if not credential.provider:
            return lasting(value, now, credential.lifetime)
        status, body = await exchange.post(federation.request(credential, value), self._ca)
        granted = federation.granted(status, body)
        return lasting(granted.token, now, granted.life)


def _is_kept(credential: Credential) -> bool:
    """Variables and files are read for each request: a change of theirs takes effect at once."""
    return credential.source == "command" or bool(credential.provider)
