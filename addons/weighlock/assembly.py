"""The one place where settings become a running gateway."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mitmproxy import ctx

from weighlock import settings
from weighlock.adapters.anchoring import Anchoring, read_anchors
from weighlock.adapters.anonymizer import Anonymizer
from weighlock.adapters.approvals import Desk
from weighlock.adapters.counters import Counters
from weighlock.adapters.credentials.cache import Credentials
from weighlock.adapters.cutoffs import CutoffWatch
from weighlock.adapters.early import EarlyRelease
from weighlock.adapters.erasure import Eraser
from weighlock.adapters.events import Receiver
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.introspection import Introspection
from weighlock.adapters.journal import Journal
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.keys import Keys, fingerprint_key, open_keys
from weighlock.adapters.ledgersegments import Segments
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.metrics import Metrics
from weighlock.adapters.notifier import Notifier, read_channels
from weighlock.adapters.rulebook import shipped
from weighlock.adapters.rulewatch import Rulebook
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.signed import Signed, public_key
from weighlock.adapters.stores.approvals import ApprovalStore
from weighlock.adapters.stores.control import Control
from weighlock.adapters.stores.counters import CounterStore
from weighlock.adapters.stores.events import EventStore
from weighlock.adapters.stores.ledger import Ledger
from weighlock.adapters.stores.orders import Orders
from weighlock.adapters.stores.outbox import Outbox
from weighlock.adapters.stores.sessions import SessionStore
from weighlock.adapters.stores.vault import VaultStore
from weighlock.adapters.timestamps import authorities
from weighlock.adapters.vaults import Vaults, scope_of
from weighlock.adapters.waiting import Bounds
from weighlock.console.site import origin
from weighlock.errors import ConfigError
from weighlock.lifecycle import Gateway, declare, register
from weighlock.masking.operators import OPERATORS
from weighlock.replay.host import TICKET, RecordHost, authority
from weighlock.replay.rehearsal import Record
from weighlock.settings import Settings
from weighlock.stages import belt, channel, errorpages, inject, options, quiet
from weighlock.stages.broker import Broker
from weighlock.stages.chain import Chain
from weighlock.stages.gate import Gate
from weighlock.stages.rehearse import Detour, Rehearse
from weighlock.stages.stage import Parts, Stage


def assemble(config: Settings) -> tuple[Parts, Journal]:
    """Open everything that the stages work with. Raises ConfigError with the place and the next step."""
    _folder(config.state)
    keys = open_keys(config.state)
    known = config.record or config.state  # whose cut-offs and material hold, and whose masked texts are told again
    if config.record:
        keys = replace(keys, fingerprint=fingerprint_key(config.record))
    for path in keys.created:
        hint = ": it alone opens recorded payloads; move it to the auditor" if path.name == "auditor.key" else ""
        print(f"weighlock: created {path}{hint}", file=sys.stderr)
    metrics = Metrics()
    ledger = Ledger.open(config.state, keys, time.time, metrics.count)
    journal = Journal(ledger)
    if not config.rules.is_dir():
        raise ConfigError("there is no such folder of rules", str(config.rules))
    signed = Signed(public_key(config.rules_key), config.state) if config.rules_key else None
    rulebook = Rulebook(config.rules, OPERATORS, journal.rules, signed)
    rulebook.check()
    jwks = Jwks(config.rules, time.monotonic)
    sessions = Sessions(SessionStore.open(config.state), time.time)
    material = MaterialWatch(known, keys.fingerprint)
    parts = Parts(
        metrics=metrics,
        settings=config,
        clock=time.time,
        keys=keys,
        ledger=ledger,
        anchoring=_anchoring(config, keys, journal),
        rulebook=rulebook,
        cutoffs=CutoffWatch(Control.open(known), time.monotonic),
        sessions=sessions,
        identifier=Identifier(jwks, Introspection(time.time, time.monotonic), sessions, time.time),
        credentials=Credentials(os.environ, time.monotonic, config.upstream_ca),
        pool=Pool(config.workers, config.inspect_timeout, keys.fingerprint, config.cache, config.ner, material.current),
        early=EarlyRelease(),
        eraser=Eraser(ledger, Orders.open(config.state), config.state, time.time),
        segments=Segments(ledger, config.state, config.ledger_segment, time.time, lambda: rulebook.current),
        material=material,
        counters=Counters(CounterStore.open(config.state), time.time),
        desk=Desk(ApprovalStore.open(config.state, keys.fingerprint), time.time, _bounds(config), journal.approval),
        receiver=Receiver(
            jwks, EventStore.open(config.state), lambda: rulebook.current.identity, time.time, journal.signal
        ),
        operators=lambda principal, verdict: Anonymizer(keys.fingerprint, scope_of(principal, verdict)),
        vaults=Vaults(VaultStore.open(config.state, keys.fingerprint) if config.vault == "sealed" else None, time.time),
        tunnels={},
    )
    return parts, journal


def start(order: Sequence[type[Stage]], script: str) -> None:
    """Called while mitmproxy imports *script*: when it returns, no connection can pass but through the chain."""
    if ctx.master.addons.get(Gateway.name):
        return
    declare()
    options.check(ctx.options, os.environ)
    config = settings.read(options.values(ctx.options), os.environ, shipped())
    confdir = Path(ctx.options.confdir).expanduser()
    record = _record(config)
    if record:
        config = replace(config, upstream_ca=authority(confdir))
    options.pin(ctx.options, config)
    parts, journal = assemble(config)
    chain = Chain(parts, [_stage(stage, parts, record) for stage in order])
    logging.getLogger("weighlock").setLevel(logging.INFO)
    quiet.install()
    errorpages.install()
    inject.install()
    channel.install(chain.socket)
    belt.install(_rehearsal(chain, record, confdir) if record else Gate(chain))
    register(Gateway(parts, chain, journal, _notifier(parts)), script)


def _anchoring(config: Settings, keys: Keys, journal: Journal) -> Anchoring | None:
    """None where there is no anchor, and in a rehearsal."""
    listed = read_anchors(None if config.record else config.anchors)
    for anchor in listed.listed:
        if anchor.authorities:
            authorities(anchor.authorities)
    return Anchoring(config.state, listed, keys.signer.verifier, journal.signal) if listed.listed else None


def _notifier(parts: Parts) -> Notifier | None:
    """None where there is nobody to tell."""
    config = parts.settings
    channels = read_channels(config.notify, os.environ)
    if not channels:
        return None
    outbox = Outbox.open(config.state, time.time, random.random)
    return Notifier(channels, outbox, parts.desk, time.time, origin(config))


def _bounds(config: Settings) -> Bounds:
    return Bounds(
        total=config.hold_limit,
        share=config.hold_share,
        max_age=config.approver_age,
        retry=config.hold_retry,
        grace=config.hold_grace,
    )


def _record(config: Settings) -> Record | None:
    if config.record is None:
        return None
    if config.record == config.state:
        raise ConfigError("a rehearsal has a state folder of its own; set another one", "weighlock_state")
    return Record(config.record, config.record_identity)


def _stage(stage: type[Stage], parts: Parts, record: Record | None) -> Stage:
    return Rehearse(parts, record, TICKET) if record and stage is Broker else stage(parts)


def _rehearsal(chain: Chain, record: Record, confdir: Path) -> Gate:
    """No credential of a model host is used, and none is reached."""
    host = RecordHost(record, confdir)
    host.start()
    print("weighlock: a rehearsal: the record answers, and nothing goes to a model host", file=sys.stderr)
    return Detour(chain, host.address)


def _folder(state: Path) -> None:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made: {error.strerror}", str(state)) from None
