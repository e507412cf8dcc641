"""The gateway's own life inside mitmproxy: options, start, watches, stop. Closed before it is ready and from the first
moment of stopping.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from weighlock.errors import ConfigError, WeighlockError
from weighlock.settings import PREFIX, knobs
from weighlock.stages import options
from weighlock.stages.chain import Chain
from weighlock.stages.console import Console
from weighlock.stages.stage import Parts


def die(error: BaseException) -> NoReturn:
    """End the process at once with EX_CONFIG. mitmproxy would log the error and serve without protection."""
    text = str(error) if isinstance(error, WeighlockError | exceptions.OptionsError) else type(error).__name__
    print(f"weighlock: cannot start: {text}", file=sys.stderr, flush=True)
    os._exit(78)


class Declare:
    """The options, declared by an addon of their own: their values are needed to assemble the gateway."""

    name = "weighlock_options"

    def load(self, loader: Loader) -> None:
        for name, knob in knobs().items():
            loader.add_option(PREFIX + name, str, "", knob["help"])


class Gateway:
    name = "weighlock_gateway"

    def __init__(self, parts: Parts, chain: Chain) -> None:
        self.parts, self.chain = parts, chain
        self.addons = [chain]
        self._console = Console(parts)
        self._watches: list[asyncio.Task[Any]] = []
        self._fixed = False

    def configure(self, updated: set[str]) -> None:
        if self._fixed and updated:
            raise exceptions.OptionsError("options are fixed while the gateway runs")

    async def running(self) -> None:
        try:
            options.check(ctx.options, os.environ)
            self._fixed = True
            await self.parts.pool.start()
            await self._console.start()
            await self._control("start", self.parts.rulebook.current.digest)
        except BaseException as error:
            die(error)
        self._watch(self.parts.rulebook.watch())
        self._watch(self.parts.cutoffs.changes(self.chain.cut_off))
        self.chain.ready = True
        print("weighlock: ready", file=sys.stderr, flush=True)

    async def done(self) -> None:
        self.chain.ready = False
        for watch in self._watches:
            watch.cancel()
        await self._console.stop()
        await self.chain.drain()
        await self._control("stop", "")
        await self.parts.ledger.close()
        await self.parts.pool.close()

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        self._watches.append(asyncio.create_task(work))

    async def _control(self, kind: str, message: str) -> None: ...


def register(gateway: Gateway, script: str) -> None:
    """Stand ahead of the script loader, out of reach of its reloads."""
    master = ctx.master
    master.addons.register(gateway)
    master.addons.chain.insert(0, gateway)
    loader = master.addons.get("scriptloader")
    for loaded in loader.addons:
        if loaded.reloadtask and Path(loaded.fullpath).resolve() == Path(script).resolve():
            loaded.reloadtask.cancel()


def declare() -> None:
    if type(ctx.master).__name__ != "DumpMaster":
        raise ConfigError(
            "the live gateway runs in mitmdump only: elsewhere a held flow can be edited after inspection"
        )
    ctx.master.addons.register(Declare())
