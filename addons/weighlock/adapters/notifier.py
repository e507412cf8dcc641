"""Tells channels what becomes of approvals. It only listens: no hold, and nobody who decides, ever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weighlock.adapters.approvals import Desk
from weighlock.adapters.delivery import Undelivered, deliver
from weighlock.adapters.stores.outbox import Letter, Outbox
from weighlock.approval.channels import Channel, channels
from weighlock.approval.notices import News, Notice, counted, news_of, notice
from weighlock.errors import ConfigError, Refused
from weighlock.holds import Approval, ApprovalState
from weighlock.rulefile import parse

log = logging.getLogger("weighlock")

_IDLE = 60.0
_AGAIN = 1.0
"""Seconds until the outbox is asked again: where nothing waits, and where it failed."""

type Deliver = Callable[[Channel, Notice, float], Awaitable[None]]


def read_channels(path: Path | None, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """Raises ConfigError with the place; also for authorities that cannot be read."""
    if path is None:
        return ()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", str(path)) from None
    found = channels(parse(text, str(path)), environ)
    for channel in found:
        try:
            ssl.create_default_context(cafile=channel.ca or None)
        except OSError:
            raise ConfigError(f"no authorities of channel {channel.id!r} can be read there", channel.ca) from None
    return found


class Notifier:
    """*clock* is Unix time; *origin*: where browsers find the console, empty where there is none."""

    def __init__(
        self,
        channels: Sequence[Channel],
        outbox: Outbox,
        desk: Desk,
        clock: Callable[[], float],
        origin: str,
        deliver: Deliver = deliver,
    ) -> None:
        self._channels, self._outbox, self._desk, self._clock = channels, outbox, desk, clock
        self._origin, self._deliver = origin, deliver
        self._heard: deque[tuple[Approval, float]] = deque()
        self._news = asyncio.Event()
        self._kept = {channel.id: asyncio.Event() for channel in channels}
        self._thread = ThreadPoolExecutor(1, "weighlock-outbox")

    def publish(self, approval: Approval) -> None:
        """To be told as soon as it can be. Returns at once."""
        if any(_wants(channel, approval) for channel in self._channels):
            self._heard.append((approval, self._clock()))
            self._news.set()

    def told(self, approval: Approval) -> tuple[str, ...]:
        """The ids of the channels that hear of it while it waits."""
        return tuple(channel.id for channel in self._channels if _wants(channel, approval) is News.PENDING)

    async def watch(self) -> None:
        """Keep what is heard, and bring it to every channel in its own time. What waits from before is brought, too."""
        await self._stored(lambda outbox: outbox.leave([channel.id for channel in self._channels]))
        await self._catch_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            for channel in self._channels:
                group.create_task(self._serve(channel))

    async def close(self) -> None:
        """Keeps what was heard; it is brought after the next start."""
        await self._keep()
        self._thread.shutdown()
        self._outbox.close()

    async def _catch_up(self) -> None:
        """Of what is open in the store, nobody may have heard: the gateway can have been ended before it was kept."""
        try:
            for approval in await self._desk.waiting():
                if approval.state is ApprovalState.PENDING:
                    self.publish(approval)
        except Refused as refused:
            log.warning("approvals cannot be looked through: %s", refused.code)

    async def _listen(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self._keep():
                await asyncio.sleep(_AGAIN)
                self._news.set()

    async def _keep(self) -> bool:
        """Each is dropped only when it is kept: what is interrupted is done again, and is known by its id."""
        while self._heard:
            approval, at = self._heard[0]
            wanted: dict[News, list[str]] = {}
            for channel in self._channels:
                if news := _wants(channel, approval):
                    wanted.setdefault(news, []).append(channel.id)
            findings = await self._findings(approval)
            for news, ids in wanted.items():
                told = notice(approval, news, at, self._origin, findings)
                if not await self._stored(functools.partial(Outbox.put, notice=told, channels=ids)):
                    return False
                for id in ids:
                    self._kept[id].set()
            self._heard.popleft()
        return True

    async def _findings(self, approval: Approval) -> dict[str, int]:
        """None are known of what is settled: its prompt is gone."""
        try:
            return counted(await self._desk.prompt(approval.id))
        except Refused:
            return {}

    async def _serve(self, channel: Channel) -> None:
        """One at a time. A channel that is slow or dead keeps nobody waiting but itself."""
        while True:
            self._kept[channel.id].clear()
            found: list[Letter | None] = []
            known = await self._stored(lambda outbox: found.append(outbox.first(channel.id)))  # noqa: B023 runs at once
            letter = found[0] if known else None
            wait = (letter.due - self._clock()) if letter else _IDLE if known else _AGAIN
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait, _IDLE)):
                        await self._kept[channel.id].wait()
            elif letter:
                await self._bring(channel, letter)

    async def _bring(self, channel: Channel, letter: Letter) -> None:
        try:
            await self._deliver(channel, letter.notice, self._clock())
        except Undelivered as error:
            why = str(error)
            log.warning("notification %s did not reach channel %s: %s", letter.notice.id, channel.id, why)
            await self._stored(lambda outbox: outbox.failed(letter, why))
            return
        log.info("notification %s reached channel %s", letter.notice.id, channel.id)
        while True:  # else it would be sent again
            if await self._stored(lambda outbox: outbox.sent(letter)):
                return
            await asyncio.sleep(_AGAIN)

    async def _stored(self, work: Callable[[Outbox], object]) -> bool:
        """Whether *work* is done, in a thread of its own, in its turn."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work, self._outbox)
        except sqlite3.Error as error:
            log.error("the outbox of notifications cannot be used: %s", type(error).__name__)
            return False
        return True


def _wants(channel: Channel, approval: Approval) -> News | None:
    if channel.groups and not channel.groups & approval.terms.groups:
        return None
    return news_of(approval, channel.events)
