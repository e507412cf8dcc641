"""The gateway's own life inside mitmproxy: options, start, watches, stop. Closed before it is ready, and from the first
moment of stopping.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from weighlock.adapters import grants
from weighlock.adapters.journal import Journal, policy_draft
from weighlock.adapters.notifier import Notifier
from weighlock.adapters.rulebook import NONE, IdentityRules, Rules
from weighlock.adapters.transmitters import Poller
from weighlock.approval.grants import Wanted
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import Console
from weighlock.console.page import Site
from weighlock.console.site import site
from weighlock.console.visits import Visits
from weighlock.errors import ConfigError, WeighlockError
from weighlock.holds import Approval
from weighlock.ledger.entry import Kind
from weighlock.settings import PREFIX, knobs
from weighlock.stages.approve import unmasked
from weighlock.stages.chain import Chain
from weighlock.stages.stage import Parts

log = logging.getLogger("weighlock")

UNCLEAN = "the run before did not end by itself; all that it acknowledged is in the ledger"


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

    def __init__(self, parts: Parts, chain: Chain, journal: Journal, notifier: Notifier | None = None) -> None:
        self.parts, self.chain, self.journal, self._notifier = parts, chain, journal, notifier
        if notifier:
            journal.moved.append(notifier.publish)
            parts.desk.told = notifier.told
        self.addons = [chain]
        self._visits = Visits(parts.identifier, self._identity, parts.cutoffs.current, journal.visit, parts.clock)
        self._console = Console(
            parts.settings.console,
            parts.desk,
            self._visits.by_token,
            parts.receiver.pushed,
            self._grant,
            self._site(),
            parts.metrics.text,
        )
        self._watches: list[asyncio.Task[Any]] = []
        self._fixed = self._said_ready = False

    def configure(self, updated: set[str]) -> None:
        if self._fixed and updated:
            raise exceptions.OptionsError("options are fixed while the gateway runs")

    async def running(self) -> None:
        try:
            self._fixed = True
            await self.parts.pool.start()
            self._console.start()
            await self._begin(self.parts.rulebook.current)
            if self.parts.anchoring:
                await self.parts.anchoring.round()
                await self.parts.anchoring.look()
                self._watch(self.parts.anchoring.watch())
        except OSError as error:
            die(ConfigError(f"the console's address cannot be had: {error.strerror}", "weighlock_console"))
        except BaseException as error:  # mitmproxy would log it and serve
            die(error)
        self._watch(self.parts.rulebook.watch(self._rules_loaded))
        self._watch(self.parts.cutoffs.changes(self._cut_off))
        self._watch(self.parts.eraser.watch())
        self._watch(self.parts.segments.watch())
        self._watch(self.parts.material.watch())
        self._watch(self.parts.counters.watch(lambda: self.parts.rulebook.current.policy))
        self._watch(self.parts.vaults.watch(self.chain.may_call))
        self._watch(self.parts.desk.watch())
        self._watch(Poller(self.parts.receiver).watch())
        if self._notifier:
            self._watch(self._notifier.watch())
        # What was made so far stays. Looking through it for garbage stops everybody for tenths of a second each time;
        # so does looking through hundreds of held connections, hence seldom: little is left that must be looked for.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 10, 50)
        self.chain.ready = True
        if self.parts.rulebook.current is not NONE:
            self._say_ready()

    async def _begin(self, rules: Rules) -> None:
        rehearsal = "a rehearsal, " if self.parts.settings.record else ""
        told = f"rules {rules}" if rules is not NONE else "without rules"
        if self.parts.ledger.unclean:
            told += f"; {UNCLEAN}"
            log.warning(UNCLEAN)
        await self.journal.write(Kind.START, "start", rehearsal + told)
        if rules is not NONE:
            await self.parts.ledger.append(policy_draft(rules))
            return
        wrong = self.parts.rulebook.complaint or "they are still being written"
        self.journal.rules("rejected", wrong)
        print(f"weighlock: refusing everything until the rules are right: {wrong}", file=sys.stderr, flush=True)

    def _say_ready(self) -> None:
        print("weighlock: ready", file=sys.stderr, flush=True)
        self._said_ready = True

    async def done(self) -> None:
        self.chain.ready = False
        for watch in self._watches:
            watch.cancel()
        try:
            await self._console.stop()
            await self.chain.drain()
            await self.parts.counters.close()
            if self._notifier:
                await self._notifier.close()
            await self.parts.desk.close()
            await self.journal.flush()
            await self.journal.write(Kind.STOP, "stop")
            await self.parts.ledger.close()
            if self.parts.anchoring:  # the last checkpoint, which the ledger signed as it was closed
                await self.parts.anchoring.round()
                self.parts.anchoring.close()
        finally:
            await self.parts.pool.close()

    def _site(self) -> Site | None:
        """The console's pages; None where there is no console."""
        parts = self.parts
        if parts.settings.console is None:
            return None
        made = site(
            parts.settings,
            parts.settings.console,
            parts.desk,
            parts.identifier,
            self._identity,
            parts.clock,
            self._visits,
            ask=self._grant,
            choices=lambda asker: grants.choices(parts.rulebook.current, asker),
            raw=lambda approval: unmasked(self.chain.passages.values(), approval),
            record=functools.partial(self.journal.write, Kind.CONTROL),
        )
        self.journal.moved.append(made.feed.publish)
        return made

    def _identity(self) -> IdentityRules:
        return self.parts.rulebook.current.identity

    async def _grant(self, asker: Approver, wanted: Wanted, reason: str) -> Approval:
        grant = grants.wanted(self.parts.rulebook.current, wanted, asker, reason, self.parts.clock())
        return await self.parts.desk.grant(asker, grant)

    def _rules_loaded(self) -> None:
        self.journal.policy(self.parts.rulebook.current)
        self.chain.cut_off()
        if not self._said_ready:
            self._say_ready()

    def _cut_off(self) -> None:
        self.chain.cut_off()
        self.journal.cutoffs(len(self.parts.cutoffs.current()))

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        self._watches.append(asyncio.create_task(work))


def declare() -> None:
    """Raises ConfigError anywhere but in mitmdump."""
    if type(ctx.master).__name__ != "DumpMaster":
        raise ConfigError("the gateway runs in mitmdump only: elsewhere a held request can be edited after inspection")
    ctx.master.addons.register(Declare())


def register(gateway: Gateway, script: str) -> None:
    """Stand ahead of the script loader, out of reach of its reloads."""
    master = ctx.master
    master.addons.register(gateway)
    master.addons.chain.insert(0, gateway)
    for loaded in master.addons.get("scriptloader").addons:
        if loaded.reloadtask and Path(loaded.fullpath).resolve() == Path(script).resolve():
            loaded.reloadtask.cancel()
