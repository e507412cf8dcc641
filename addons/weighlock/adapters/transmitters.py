"""Transmitters that are asked for their events, for ever (RFC 8936): one long poll each, without a thread.

What was taken is acknowledged with the next poll, so never before it is durable. What an unacknowledged poll brought
comes again, and is known by its `jti`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weighlock.adapters import fetch
from weighlock.adapters.credentials import sources
from weighlock.adapters.events import Receiver
from weighlock.adapters.fetch import Unreachable
from weighlock.identity.events import EventRefused
from weighlock.identity.transmitters import Transmitter
from weighlock.policy.credentials import Unusable

log = logging.getLogger("weighlock")

MAX_EVENTS = 10
"""That one answer is asked to hold; the longest together are within what is read of one."""
LONG = 90.0
"""Seconds for which a transmitter may keep a poll waiting for an event."""
SHORT = 15.0
"""For one that is asked to answer at once; so are all after a failure."""
PAUSE = 0.5
"""Seconds between two polls when the first brought nothing: not every transmitter waits for an event."""
LONGEST_PAUSE = 60.0
"""Between two that fail; doubled from PAUSE."""
SILENCE = 300.0
"""Seconds of failures after which the operator is told."""
INTERVAL = 0.5
"""Between two looks at which transmitters are to be asked."""


@dataclass(slots=True)
class _Answers:
    """What the transmitter is told with the next poll."""

    ack: list[str] = field(default_factory=list)
    errors: dict[str, dict[str, str]] = field(default_factory=dict)


class Poller:
    """*clock* is monotonic."""

    def __init__(self, receiver: Receiver, clock: Callable[[], float] = time.monotonic) -> None:
        self._receiver, self._clock = receiver, clock

    async def watch(self) -> None:
        """For ever: ask each transmitter of the rules in force that has a poll."""
        asked: dict[str, tuple[Transmitter, asyncio.Task[None]]] = {}
        try:
            while True:
                wanted = {each.url: each for each in self._receiver.transmitters if each.poll}
                for url, (transmitter, task) in list(asked.items()):
                    if wanted.get(url) != transmitter:
                        task.cancel()
                        del asked[url]
                for url, transmitter in wanted.items():
                    if url not in asked:
                        asked[url] = transmitter, asyncio.create_task(self._ask(transmitter))
                await asyncio.sleep(INTERVAL)
        finally:
            for _, task in asked.values():
                task.cancel()

    async def _ask(self, transmitter: Transmitter) -> None:
        answers, pause, good_at, told = _Answers(), 0.0, self._clock(), False
        while True:
            try:
                brought = await self._poll(transmitter, answers, wait=not pause)
            except Exception as error:  # whatever a transmitter does, it is asked again
                why = error if isinstance(error, Unreachable | Unusable) else type(error).__name__
                if not pause:
                    log.warning("transmitter %s cannot be asked: %s", transmitter.url, why)
                pause = min(max(2 * pause, PAUSE), LONGEST_PAUSE)
                if self._clock() - good_at > SILENCE and not told:
                    told = True
                    self._receiver.record("transmitter-silent", f"{transmitter.url}: {why}")
                await asyncio.sleep(pause)
                continue
            if told:
                self._receiver.record("transmitter-back", transmitter.url)
            pause, good_at, told = 0.0, self._clock(), False
            if not brought:
                await asyncio.sleep(PAUSE)

    async def _poll(self, transmitter: Transmitter, answers: _Answers, *, wait: bool) -> bool:
        """Whether it brought anything. *answers* are replaced by those to what it brought."""
        sets = await _asked(transmitter, answers, wait)
        answers.ack, answers.errors = [], {}
        for id, raw in sets.items():
            try:
                await self._receiver.fetched(id, raw, transmitter)
            except EventRefused as refused:
                answers.errors[id] = {"err": refused.err, "description": refused.reason}
            else:
                answers.ack.append(id)
        return bool(sets)


async def _asked(transmitter: Transmitter, answers: _Answers, wait: bool) -> Mapping[str, str]:
    """By `jti`, what the transmitter has (RFC 8936, section 2). Raises Unreachable, or Unusable for the token."""
    poll = transmitter.poll
    if poll is None:
        raise Unreachable("nowhere to ask")
    body: dict[str, Any] = {"maxEvents": MAX_EVENTS, "returnImmediately": not wait}
    if answers.ack:
        body["ack"] = answers.ack
    if answers.errors:
        body["setErrs"] = answers.errors
    token = await sources.secret(poll.token)
    headers = {"authorization": f"Bearer {token}", "content-language": "en", "content-type": "application/json"}
    document = await fetch.json(
        poll.url,
        ca=transmitter.signer.ca,
        body=json.dumps(body).encode(),
        headers=headers,
        timeout=LONG if wait else SHORT,
    )
    sets = document.get("sets") if isinstance(document, dict) else None
    # A number is read as a kind of str, which keeps its spelling.
    if not isinstance(sets, dict) or not all(type(raw) is str for raw in sets.values()):
        raise Unreachable("not an answer to a poll")
    return sets
