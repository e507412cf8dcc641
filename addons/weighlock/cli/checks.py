"""What `weighlock doctor` looks at. Nothing is changed, and nothing of a prompt is read."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from weighlock.adapters import rulebook
from weighlock.adapters.anchoring import read_anchors, waits
from weighlock.adapters.inspector.models import missing
from weighlock.adapters.notifier import read_channels
from weighlock.adapters.signed import Signed, public_key
from weighlock.adapters.stores.ledgerfile import NAME, Damaged, Reader
from weighlock.adapters.stores.outbox import NAME as OUTBOX
from weighlock.adapters.stores.outbox import Outbox
from weighlock.adapters.stores.receipts import Receipts
from weighlock.cli.ledger import read_verifier
from weighlock.console.site import authority
from weighlock.errors import ConfigError
from weighlock.ledger import checkpoint, entry
from weighlock.masking.operators import OPERATORS
from weighlock.policy import manifest
from weighlock.settings import Settings

PATIENCE = 60.0
"""Seconds after which clients and balancers commonly give up."""
UNSIGNED = 60.0
"""Seconds that an entry may stand without a checkpoint; a gateway signs within moments."""
_SECRET = ("fingerprint.key", "checkpoint.key")
_PUBLIC = ("auditor.pub", "checkpoint.pub")


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    state: State
    found: str
    next_step: str = ""


def outbox(state: Path) -> Outbox | None:
    """None where nothing was ever to be told."""
    return Outbox.open(state, time.time, random.random) if (state / OUTBOX).is_file() else None


def everything(config: Settings) -> Iterator[Check]:
    for name, look in _LOOKS.items():
        try:
            for state, found, next_step in look(config):
                yield Check(name, state, found, next_step)
        except ConfigError as error:
            yield Check(name, State.FAIL, str(error), "Put it right, and run this again.")


type _Found = Iterator[tuple[State, str, str]]


def _folder(config: Settings) -> _Found:
    if not config.state.is_dir():
        yield State.FAIL, f"no folder {config.state}", "Start the gateway once, or name its folder with --state."
    elif _open(config.state):
        yield State.FAIL, f"{config.state} can be entered by others", f"chmod 700 {config.state}"
    else:
        yield State.OK, str(config.state), ""


def _keys(config: Settings) -> _Found:
    absent = [name for name in (*_SECRET, *_PUBLIC) if not (config.state / name).is_file()]
    readable = [path for path in sorted(config.state.glob("*.key")) if _open(path)]
    if absent:
        back = "Bring them back from a back-up; the first start of a gateway makes them."
        yield State.FAIL, f"missing: {', '.join(absent)}", back
    for path in readable:
        yield State.FAIL, f"{path.name} can be read by others", f"chmod 600 {path}"
    if not absent and not readable:
        yield State.OK, f"{len(_SECRET) + len(_PUBLIC)} files", ""


def _auditor(config: Settings) -> _Found:
    if (path := config.state / "auditor.key").exists():
        yield State.WARN, "auditor.key is on this host: it opens every payload", f"Move {path} to the auditor."
    else:
        yield State.OK, "auditor.key is elsewhere", ""


def _rules(config: Settings) -> _Found:
    files = rulebook.contents(config.rules)
    manifested = files.pop(manifest.NAME, "")
    if config.rules_key:
        Signed(public_key(config.rules_key), config.state).version(manifested, files)
    rules = rulebook.compiled(files, OPERATORS)
    for warning in rules.warnings:
        yield State.WARN, warning, "`weighlock policy check` tells where."
    yield State.OK, f"{len(rules.policy.statements)} statements, rules {rules}", ""


def _ledger(config: Settings) -> _Found:
    path = config.state / NAME
    verifier = read_verifier(str(config.state / "checkpoint.pub"))
    with Reader(path) as reader:
        count, bare = reader.size, reader.unguarded()
        size, note = max(reader.checkpoints(), default=(0, ""))
        newest = next(reader.entries(newest_first=True), b"")
    if not newest:
        yield State.WARN, "no entries", "Start the gateway."
        return
    try:
        last = entry.parse(newest).time
    except ValueError:
        raise Damaged("the newest entry cannot be read; run `weighlock ledger verify`", str(path)) from None
    wrong = [f"guards of its tables are gone: {', '.join(bare)}"] if bare else []
    try:
        checkpoint.verify(note, verifier)
    except checkpoint.BadNote as error:
        wrong.append(f"the newest checkpoint: {error}")
    for said in wrong:
        yield State.FAIL, said, "`weighlock ledger verify`"
    if count > size and _age(last) > UNSIGNED:
        said = f"{count - size} entries without a checkpoint"
        yield State.FAIL, said, "Start the gateway, which signs them; then `weighlock ledger verify`."
    elif not wrong:
        yield State.OK, f"{count} entries, {size} signed, the newest of {last}", ""


def _anchors(config: Settings) -> _Found:
    listed = read_anchors(config.anchors)
    if not listed.listed:
        yield State.WARN, "none: whoever owns this host can rewrite the record unseen", "Set anchors."
        return
    with Reader(config.state / NAME) as reader, contextlib.closing(Receipts.open(config.state)) as receipts:
        waited, failures = waits(listed, receipts, reader, time.time()), receipts.failures()
    for anchor in listed.listed:
        if failed := failures.get(anchor.id):
            yield (State.FAIL if failed.contradicts else State.WARN), f"{anchor.id}: {failed.why}", "Put it right."
    told = f"{listed.needed} of {len(listed.listed)} needed within {listed.within:g} s"
    if waited > listed.within:
        yield State.FAIL, f"late by {waited - listed.within:.0f} s; {told}", "`weighlock ledger anchors`"
    else:
        yield State.OK, f"in time; {told}", ""


def _models(config: Settings) -> _Found:
    if packages := missing(config.ner):
        yield State.FAIL, f"missing: {', '.join(packages)}", f"pip install {' '.join(packages)}"
    elif config.ner == "none":
        yield State.WARN, "no model: names of people are not found", "Set ner."
    else:
        yield State.OK, config.ner, ""


def _console(config: Settings) -> _Found:
    if config.console is None:
        yield State.WARN, "none: what is held only expires", "Set console."
        return
    try:
        with socket.create_connection(config.console, timeout=2):
            yield State.OK, f"{authority(config.console)} answers", ""
    except OSError:
        yield (
            State.WARN,
            f"{authority(config.console)} does not answer",
            "Start the gateway, or set console as it has it.",
        )


def _waits(config: Settings) -> _Found:
    if config.hold_for > PATIENCE:
        yield (
            State.WARN,
            f"hold_for is {config.hold_for:g} s: many clients give up after {PATIENCE:g} s",
            "Shorten it, or let the statements be `soft`.",
        )
    else:
        yield State.OK, f"hold_for is {config.hold_for:g} s", ""


def _notifications(config: Settings) -> _Found:
    names = [channel.id for channel in read_channels(config.notify, os.environ)]
    waiting: dict[str, int] = {}
    dead: dict[str, list[dict[str, Any]]] = {}
    if box := outbox(config.state):
        with contextlib.closing(box):
            waiting = box.waiting()
            for letter in box.dead():
                dead.setdefault(letter["channel"], []).append(letter)
    if not names:
        yield State.OK, "no channels: nobody is told of what is held", ""
    for name in sorted({*names, *waiting, *dead}):
        lost = dead.get(name, [])
        told = f"{name}: {waiting.get(name, 0)} wait, {len(lost)} never arrived"
        if lost:
            put_right = "Put it right, then `weighlock doctor --forget-dead`."
            yield State.FAIL, f"{told} (the last: {lost[-1]['why']})", put_right
        else:
            yield State.OK, told, ""


_LOOKS: dict[str, Callable[[Settings], _Found]] = {
    "state folder": _folder,
    "keys": _keys,
    "auditor's key": _auditor,
    "rules": _rules,
    "ledger": _ledger,
    "anchors": _anchors,
    "models": _models,
    "console": _console,
    "holds": _waits,
    "notifications": _notifications,
}


def _open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _age(at: str) -> float:
    return time.time() - datetime.fromisoformat(at).timestamp()
