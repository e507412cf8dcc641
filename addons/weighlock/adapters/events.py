"""Security events as they arrive, pushed or fetched: verified, taken once, and durable before anybody hears that."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
from collections.abc import Callable, Collection

from weighlock.adapters.credentials import sources
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.stores.events import EventStore
from weighlock.errors import Refused, Unavailable, Unidentified
from weighlock.identity import events
from weighlock.identity.events import Cut, Err, EventRefused, SecurityEvent
from weighlock.identity.tokens import Envelope
from weighlock.identity.transmitters import Transmitter
from weighlock.policy.credentials import Unusable

log = logging.getLogger("weighlock")

Record = Callable[[str, str], None]
"""A kebab-case event and a public message, for the log and the ledger."""


class Receiver:
    """*rules* are those in force, *clock* is Unix time."""

    def __init__(
        self,
        jwks: Jwks,
        store: EventStore,
        rules: Callable[[], IdentityRules],
        clock: Callable[[], float],
        record: Record,
    ) -> None:
        self._jwks, self._store, self._rules, self._clock, self.record = jwks, store, rules, clock, record
        self._writing = asyncio.Lock()

    @property
    def transmitters(self) -> Collection[Transmitter]:
        return self._rules().transmitters.values()

    async def pushed(self, bearer: str, raw: str) -> None:
        """Take what somebody delivers who presents *bearer* (RFC 8935). EventRefused, or Unavailable for now."""
        try:
            senders = await _senders(self.transmitters, bearer)
            envelope = _peeked(senders, raw)
            transmitter = next((sender for sender in senders if sender.url == envelope.issuer), None)
            if transmitter is None:
                raise _not_of_sender(envelope, self.transmitters)
        except EventRefused as refused:
            self.record("event-refused", f"a push: {refused.code}")
            raise
        await self._taken(envelope, transmitter)

    async def fetched(self, id: str, raw: str, transmitter: Transmitter) -> None:
        """Take what *transmitter* answered under the name *id* (RFC 8936). EventRefused, or Unavailable for now."""
        try:
            envelope = events.peek(raw)
            if envelope.claims.get("jti") != id:
                raise EventRefused(Err.INVALID_REQUEST, "event-jti", "The event's `jti` is not the name that it has.")
        except EventRefused as refused:
            self.record("event-refused", f"{transmitter.url}: {refused.code}")
            raise
        await self._taken(envelope, transmitter)

    async def _taken(self, envelope: Envelope, transmitter: Transmitter) -> None:
        try:
            event = await self._verified(envelope, transmitter)
            cuts = events.cuts(event, self._rules().people)
            before = await asyncio.shield(self._kept(event, cuts))  # whoever gives up, it is kept in its turn
            if before not in (None, event.digest):
                raise EventRefused(Err.INVALID_REQUEST, "event-jti-reused", "Another event had this `jti`.")
        except sqlite3.Error:
            self.record("event-refused", f"{transmitter.url}: events-unwritable")
            raise Unavailable("events-unwritable", "Events cannot be kept right now.") from None
        except Refused as refused:
            self.record("event-refused", f"{transmitter.url}: {refused.code}")
            raise
        if before is None:
            self.record("event-taken", f"{transmitter.url}: {event.names}; cut-offs: {len(cuts)}")
        else:
            self.record("event-repeated", f"{transmitter.url}: {event.names}")

    async def _kept(self, event: SecurityEvent, cuts: tuple[Cut, ...]) -> str | None:
        async with self._writing:
            return await asyncio.to_thread(self._store.take, event, cuts, self._clock())

    async def _verified(self, envelope: Envelope, transmitter: Transmitter) -> SecurityEvent:
        events.allowed(envelope, transmitter)
        try:
            key = await self._jwks.key(transmitter.signer, envelope.kid, envelope.alg)
        except Unidentified as error:
            raise EventRefused(Err.INVALID_KEY, error.code, error.reason) from None
        return events.verify(envelope, transmitter, key, self._clock())


async def _senders(transmitters: Collection[Transmitter], bearer: str) -> list[Transmitter]:
    """Those that present *bearer* when they push. Each is compared, in constant time."""
    senders = []
    for transmitter in transmitters:
        if not transmitter.push:
            continue
        try:
            expected = await sources.secret(transmitter.push)
        except Unusable as error:
            log.error("the push token of transmitter %s cannot be had: %s", transmitter.url, error)
            continue
        if hmac.compare_digest(expected.encode(), bearer.encode()):
            senders.append(transmitter)
    return senders


def _peeked(senders: Collection[Transmitter], raw: str) -> Envelope:
    if not senders:
        raise EventRefused(
            Err.AUTHENTICATION_FAILED, "transmitter-unknown", "The bearer token is that of no transmitter."
        )
    return events.peek(raw)


def _not_of_sender(envelope: Envelope, transmitters: Collection[Transmitter]) -> EventRefused:
    if any(transmitter.url == envelope.issuer for transmitter in transmitters):
        return EventRefused(Err.ACCESS_DENIED, "transmitter-other", "The bearer token is another transmitter's.")
    return EventRefused(Err.INVALID_ISSUER, "event-issuer", "The event's issuer is no transmitter here.")
