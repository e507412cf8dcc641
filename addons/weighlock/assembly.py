"""The one place where settings become a running gateway."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence

from mitmproxy import ctx

from weighlock import settings
from weighlock.adapters.anonymizer import Anonymizer
from weighlock.adapters.approvals import Desk
from weighlock.adapters.cutoffs import CutoffWatch
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.keys import open_keys
from weighlock.adapters.rulebook import Rulebook
from weighlock.adapters.stores.control import Control
from weighlock.adapters.stores.ledger import Ledger
from weighlock.lifecycle import Gateway, Journal, declare, register
from weighlock.masking.operators import OPERATORS
from weighlock.rules import shipped_rules
from weighlock.settings import Settings
from weighlock.stages import belt, errorpages, inject, options, quiet
from weighlock.stages.chain import Chain
from weighlock.stages.stage import Parts, Stage


def assemble(config: Settings) -> Parts:
    """Open everything that the stages work with. Raises ConfigError with the place and the next step."""
    keys = open_keys(config.state)
    for created in keys.created:
        print(f"weighlock: created {created}", file=sys.stderr)
    ledger = Ledger.open(config.state / "ledger.db", keys=keys, clock=time.time)
    journal = Journal(ledger)
    return Parts(
        settings=config,
        clock=time.time,
        keys=keys,
        ledger=ledger,
        rulebook=Rulebook(config.rules, OPERATORS, on_event=journal.rules),
        cutoffs=CutoffWatch(Control.open(config.state), time.monotonic),
        identifier=Identifier(Jwks(config.rules), time.time),
        pool=Pool(config.workers, config.inspect_timeout, keys.fingerprint),
        desk=Desk(time.time, config.hold_limit, on_event=journal.approval),
        operators=lambda session: Anonymizer(keys.fingerprint, session),
        tunnels={},
    )


def start(order: Sequence[type[Stage]], script: str) -> None:
    """Called while mitmproxy imports *script*: when it returns, no connection can pass but through the chain."""
    declare()
    options.check(ctx.options, os.environ)
    config = settings.read(options.values(ctx.options), os.environ, shipped_rules())
    options.pin(ctx.options, config)
    logging.getLogger("weighlock").setLevel(logging.INFO)
    parts = assemble(config)
    chain = Chain(parts, [stage(parts) for stage in order])
    quiet.install()
    errorpages.install()
    inject.install()
    belt.install(chain)
    register(Gateway(parts, chain), script)
