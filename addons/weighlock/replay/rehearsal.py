"""The record in the place of the model hosts: what was forwarded before is answered as it was before.

A pipeline meets the real gateway, with the identity and the policy of now; only what is behind it is the record.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.destination import Destination
from weighlock.errors import ConfigError
from weighlock.model import Outbound
from weighlock.replay.contents import NOT_KEPT, Contents, Message, View, contents, message_of
from weighlock.replay.pseudonyms import Numbers
from weighlock.replay.recorded import Recorded, seconds
from weighlock.replay.source import opener, read_identities, recorded_in

WAITING = 1000
"""Most answers that are found and not yet fetched; beyond it, the oldest is forgotten."""

_ANSWERED = "response.received"


@dataclass(frozen=True, slots=True)
class Answer:
    contents: Contents
    response: Message
    began: float
    """When the exchange did, in Unix seconds."""
    released: int
    """Milliseconds after the exchange began at which its request went out."""


class Record:
    """All that the ledger in the folder *state* holds an answer to. Raises ConfigError where it cannot be opened."""

    def __init__(self, state: Path, identity: Path | None) -> None:
        self._path, self._state = state / NAME, state
        self._identities: tuple[Any, ...] = read_identities(identity or state / "auditor.key")
        self._known: dict[bytes, deque[Recorded]] = {}
        self._found: dict[str, Answer] = {}
        self.hosts: set[str] = set()
        """Of the model hosts in it."""
        with Reader(self._path) as reader:
            open_payload = opener(reader, self._identities)
            for one in recorded_in(reader, state):
                holder = one.holder(_ANSWERED)
                if holder:
                    self._learn(one, message_of(one, "request.forwarded", open_payload))
        if not self._known:
            raise ConfigError("nothing is recorded there that could be answered", str(self._path))

    async def ticket(self, workload: str, destination: Destination, outbound: Outbound) -> str | None:
        """What the answer can be fetched with, once; None where none is recorded.

        Requests that were made several times are answered in turn; the last answer stays.
        """
        place = (destination.host, destination.port)
        known = self._known.get(_digest(workload, place, outbound.method, outbound.path, outbound.body))
        if not known:
            return None
        one = known.popleft() if len(known) > 1 else known[0]
        answer = await asyncio.to_thread(self._answer, one)
        if answer is None:
            return None
        if len(self._found) >= WAITING:
            del self._found[next(iter(self._found))]
        ticket = secrets.token_urlsafe(32)
        self._found[ticket] = answer
        return ticket

    def redeem(self, ticket: str) -> Answer | None:
        return self._found.pop(ticket, None)

    def _learn(self, one: Recorded, asked: Message | None) -> None:
        body = one.start.body
        if asked is None or asked.body == NOT_KEPT:
            return
        method, _, rest = asked.start.partition(" ")
        place = (str(body["host"]), int(body["port"]))
        digest = _digest(str(one.who["workload"]), place, method, rest.rpartition(" ")[0], asked.body)
        self._known.setdefault(digest, deque()).append(one)
        self.hosts.add(place[0])

    def _answer(self, one: Recorded) -> Answer | None:
        """None where it was erased meanwhile."""
        with Reader(self._path) as reader:  # for no longer: an open one keeps the gateway's log from being tidied
            said = contents(one, opener(reader, self._identities), View.UPSTREAM)
        if said.response is None or said.response.body == NOT_KEPT:
            return None
        if any(message.text == NOT_KEPT for message in said.said or ()):
            return None
        released = max(0, round((seconds(one.start.time) - one.began) * 1000))
        return Answer(said, said.response, one.began, released)


def _digest(workload: str, place: tuple[str, int], method: str, path: str, body: bytes) -> bytes:
    """Of a request as it was forwarded, without its header fields: they say which client it was, and not what for.

    Pseudonyms are numbered in the order in which they stand: each session has its own.
    """
    head = "\0".join((workload, place[0], str(place[1]), method, path)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(head + b"\0" + Numbers().of(body)).digest()
