"""`python killed.py STATE HOW COUNT SEED`: a ledger's writer killed COUNT times at HOW's points, or at any moment.

Each time a fork of this warm process writes, and tells over a pipe what it may forward: only what the writer returned
for. Then it dies by SIGKILL, or, at any moment, by a timer's signal, and what is left is opened and verified. Prints
one line of JSON: kills, entries acknowledged, and at which points it died.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ledgers import NOON, a_sealed
from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores import ledgerfile, ledgerrows, ledgertail, ledgerwriter
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.ledger import entry
from weighlock.ledger.chain import removed_body
from weighlock.ledger.entry import Kind
from weighlock.ledger.erasure import erasure_body
from weighlock.ledger.verify import verify

NEW = 10
"""Kills after which a new file is begun: verifying a long one takes long."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Points:
    """Dies at the *last* point that it passes."""

    def __init__(self, last: int, report: Callable[[str], None]) -> None:
        self._left, self._report = last, report

    def passed(self, name: str) -> None:
        self._left -= 1
        if not self._left:
            self._report(name)
            _die()


def _statements(points: Points) -> None:
    """Before each statement that SQLite carries out, checkpoints and those of triggers included."""
    connect = ledgerfile.connect

    def traced(path: Path, *, create: bool) -> Any:
        connection = connect(path, create=create)
        connection.set_trace_callback(lambda statement: points.passed(" ".join(statement.split()[:3])))
        return connection

    ledgerwriter.connect = traced  # type: ignore[attr-defined]


def _instructions(points: Points) -> None:
    """Between SQLite's virtual instructions."""
    connect = ledgerfile.connect

    def stepped(path: Path, *, create: bool) -> Any:
        connection = connect(path, create=create)
        connection.set_progress_handler(lambda: points.passed("instruction"), 1)
        return connection

    ledgerwriter.connect = stepped  # type: ignore[attr-defined]


def _steps(points: Points) -> None:
    """Before and behind each step of ours."""
    for owner, name in (
        (entry, "canonical"),
        (ledgerwriter, "leaf_hash"),
        (ledgerrows, "destroy"),
        (ledgerrows.Rows, "insert"),
        (LedgerWriter, "_scrub"),
        (LedgerWriter, "_sign"),
        (LedgerWriter, "tidy_up"),
        (LedgerWriter, "close"),
        (ledgerrows, "remove"),
        (ledgerrows, "tidy"),
        (ledgertail, "read"),
        (ledgertail, "_checkpoint"),
        (ledgertail, "_newest"),
    ):
        setattr(owner, name, _between(points, name, getattr(owner, name)))


def _between(points: Points, name: str, sound: Callable[..., Any]) -> Callable[..., Any]:
    def struck(*given: Any, **named: Any) -> Any:
        points.passed(f"before {name}")
        result = sound(*given, **named)
        points.passed(f"behind {name}")
        return result

    return struck


HOW = {"statements": (_statements, 200), "instructions": (_instructions, 4200), "steps": (_steps, 120)}
"""How → what makes the points, and about how many a life has."""


def _life(path: Path, keys: Keys, drafts: list[Prepared], forward: Callable[[int], None]) -> None:
    """What a gateway's writer does from its start to its end, over and over."""
    while True:
        writer = LedgerWriter(path, keys.signer, lambda: NOON)
        for number, (first, second) in enumerate(itertools.pairwise(drafts)):
            for seq in writer.write([first, second], sign=number == 1):
                assert seq is not None
                forward(seq)
            if number == 2:
                (seq,) = writer.write(
                    [Prepared(Kind.ERASURE, erasure_body({"session": "x"}, "asked for", "auditor", (seq,)), {}, (seq,))]
                )
                assert seq is not None
                forward(seq)
        (seq,) = writer.write([Prepared(Kind.CONTROL, {}, {}, opens=True)])
        assert seq is not None
        forward(seq)
        _remove(path, writer, seq, forward)
        writer.write([], sign=True)
        writer.close()


def _remove(path: Path, writer: LedgerWriter, before: int, forward: Callable[[int], None]) -> None:
    """All segments before the one that begins with that entry, once their keys are destroyed."""
    with Reader(path) as reader:
        keyed, note = sorted(seq for seq in reader.keyed() if seq < before), reader.begins(before).note
    for draft in (
        Prepared(Kind.ERASURE, erasure_body({}, "too old", "auditor", keyed), {}, tuple(keyed)),
        Prepared(Kind.CONTROL, removed_body(before, note, "too old", "auditor"), {}, removes=before),
    ):
        (seq,) = writer.write([draft])
        assert seq is not None
        forward(seq)
    while not writer.tidy:
        writer.tidy_up()


def _kill(
    how: str, number: int, count: int, chance: random.Random, live: Callable[[Callable[[int], None]], None]
) -> tuple[list[int], str]:
    """What was acknowledged before the end, and where that was: at each point, where there are fewer than kills."""
    readable, writable = os.pipe()
    make, most = HOW.get(how, (None, 1))
    last = number % most + 1 if most < count else chance.randrange(1, most + 1)
    moment = chance.uniform(0.0005, 0.03)
    pid = os.fork()
    if not pid:
        os.close(readable)
        if make:
            make(Points(last, lambda name: os.write(writable, f"@{name}\n".encode())))
        else:
            signal.setitimer(signal.ITIMER_REAL, moment)
        try:
            live(lambda seq: os.write(writable, b"%d\n" % seq))
        except BaseException:
            traceback.print_exc()
        os._exit(1)  # it was not killed
    os.close(writable)
    with os.fdopen(readable) as pipe:
        said = pipe.read().split("\n")[:-1]
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"not killed, but ended with {status}")
    return [int(line) for line in said if not line.startswith("@")], next((s for s in said if s.startswith("@")), "@?")


def _check(path: Path, keys: Keys, acknowledged: set[int]) -> None:
    with Reader(path) as reader:
        verifier, begins = keys.signer.verifier, reader.begins()
        report = verify(reader.rows(), reader.payloads(), reader.checkpoints(), verifier, begins=begins)
        size = reader.size
    if not report.ok:
        raise SystemExit(f"does not verify: {report.problems}")
    if report.removed + report.entries != size:
        raise SystemExit(f"{report.removed} entries are removed and {report.entries} there, of {size}")
    if acknowledged and max(acknowledged) >= size:
        raise SystemExit(f"entry {max(acknowledged)} was acknowledged, and {size} are there")


def _drafts(keys: Keys) -> Iterator[Prepared]:
    for number in range(5):
        sealed = a_sealed(bytes([number]) * 1500, keys.recipients)
        yield Prepared(Kind.REQUEST, {"number": number}, {"request.sent": sealed, "request.forwarded": sealed})


def main() -> None:
    state, how, count, chance = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4]))
    keys = open_keys(state)
    drafts, died, forwarded = list(_drafts(keys)), Counter[str](), 0
    acknowledged: set[int] = set()
    for number in range(count):
        folder = state / str(number // NEW)
        if not number % NEW:
            shutil.rmtree(state / str(number // NEW - 1), ignore_errors=True)
            folder.mkdir()
            acknowledged = set()
        path = folder / NAME
        told, where = _kill(how, number, count, chance, lambda forward, path=path: _life(path, keys, drafts, forward))  # type: ignore[misc]
        if acknowledged & set(told):
            raise SystemExit("a number was given twice")
        acknowledged |= set(told)
        forwarded += len(told)
        died[where] += 1
        if path.exists():
            writer = LedgerWriter(path, keys.signer, lambda: NOON)
            while not writer.tidy:
                writer.tidy_up()
            writer.close()
            _check(path, keys, acknowledged)
        elif acknowledged:
            raise SystemExit("the file is gone")
    print(json.dumps({"kills": count, "acknowledged": forwarded, "died": died}))


if __name__ == "__main__":
    main()
