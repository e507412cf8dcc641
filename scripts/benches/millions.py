"""A ledger of a million entries: how fast it is verified, how soon a gateway has it open, and how long filters take.

Half a million exchanges of 60 pipelines, 50 in each run of one; their messages are small. Each figure stands beside
what SQLite takes where nothing was prepared: for a start, to read all leaves; for a filter, to walk through the JSON of
every entry.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import batched, islice
from pathlib import Path
from typing import Any

from figures import Figure, Goal, figure

from builders import a_call, a_finding, a_principal
from ledgers import a_sealed, a_verdict, an_exchange
from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores.ledger import Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerindex import Filter, Index
from weighlock.adapters.stores.ledgerwriter import BATCH, LedgerWriter, Prepared
from weighlock.errors import Refused
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.ledger.verify import verify
from weighlock.model import Action, OperatorSpec

ENTRIES, RUNS = 1_000_000, 3
BEGAN, SECONDS = 1_767_268_800.0, 30.0
"""Of the first entry; between two."""
VERIFIED, START, FILTER = Goal(50_000), Goal(2, least=False), Goal(200, least=False)
ENTITIES = ("EMAIL_ADDRESS", "PERSON", "IBAN_CODE", "PHONE_NUMBER", "CREDIT_CARD")


def entries(chance: random.Random) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Every entity in its share of the exchanges; a refusal in a hundred; a few names that are rare."""
    masked = a_verdict(action=Action.MASK, operators={"EMAIL_ADDRESS": OperatorSpec("pseudonym")})
    clean = a_verdict()
    yield Kind.START, entry.control_body("start")
    for number in range(ENTRIES // 2):
        run = number // 3000 * 60 + number % 60  # sixty at once, of fifty exchanges each
        found = tuple(
            a_finding(entity, fingerprint=f"{chance.getrandbits(64):016x}")
            for at, entity in enumerate(ENTITIES)
            if chance.random() < 0.3 / 6**at
        )
        principal = a_principal(
            workload=f"pipeline-{run % 60}",
            subject=f"repo:acme/pipeline-{run % 60}",
            token_id=hashlib.sha256(b"%d" % run).hexdigest(),
            persons=frozenset({f"person-{run % 997}"}),
            claims={"run_id": str(run)},
        )
        made = an_exchange(
            id=f"{chance.getrandbits(128):032x}",
            started_at=BEGAN + 2 * number * SECONDS,
            principal=principal,
            call=a_call("hello", model=f"model-{run % 7}"),
            findings=found,
            verdict=masked if found else clean,
        )
        if number % 100 == 99:
            refusal = entry.refusal_body(made, Refused("budget-exceeded", f"The budget of ticket {number} is spent."))
            yield Kind.REFUSAL, refusal
            yield Kind.CONTROL, entry.control_body("rules-changed", "ten files")
        else:
            yield Kind.REQUEST, entry.request_body(made)
            reply = entry.response_body(made, status=200, findings=(), verdict=clean, refused=None)
            yield Kind.RESPONSE, reply


def build(state: Path, progress: Callable[[str], None]) -> Keys:
    keys, number = open_keys(state), 0
    small = a_sealed(b"a message of a few words, of which there are a million", keys.recipients)
    sealed = {kind: {f"{kind}.{name}": small for name in ("one", "other")} for kind in (Kind.REQUEST, Kind.RESPONSE)}
    writer = LedgerWriter(state / NAME, keys.signer, lambda: BEGAN + number * SECONDS)
    for batch in batched(islice(entries(random.Random(8)), ENTRIES), BATCH):
        writer.write([Prepared(kind, body, sealed.get(kind, {})) for kind, body in batch])
        number += len(batch)
        if not number % (BATCH * 40):
            progress(f"writing {ENTRIES} entries: {number / ENTRIES:.0%}")
    writer.write([], sign=True)
    writer.close()
    return keys


def verified(path: Path, keys: Keys) -> float:
    """Entries in a second of one core."""
    with Reader(path) as reader:
        began = time.process_time()
        report = verify(reader.rows(), reader.payloads(), reader.checkpoints(), keys.signer.verifier)
        took = time.process_time() - began
    if not report.ok or report.entries != ENTRIES:
        raise RuntimeError("the ledger does not verify")
    return ENTRIES / took


def hashed(path: Path) -> float:
    with Reader(path) as reader:
        began = time.process_time()
        for row in reader.rows():
            hashlib.sha256(row.entry).digest()
        return ENTRIES / (time.process_time() - began)


def start() -> None:
    """`python millions.py STATE`: open the ledger as a gateway does; say how long it took."""
    state = Path(sys.argv[1])
    began = time.perf_counter()
    Ledger.open(state, open_keys(state))
    print(time.perf_counter() - began, flush=True)
    os._exit(0)


def started(state: Path) -> float:
    """In a process of its own, with nothing of the file in memory."""
    with (state / NAME).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    done = subprocess.run([sys.executable, __file__, str(state)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def leaves(path: Path) -> float:
    """What a start would take that reads every leaf, and does nothing with it."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    connection, began = sqlite3.connect(path), time.perf_counter()
    for _ in connection.execute("SELECT seq, leaf FROM entries ORDER BY seq"):
        pass
    connection.close()
    return time.perf_counter() - began


FILTERS = {
    "nothing": Filter(),
    "a principal": Filter(principal="person-5"),
    "a principal of all": Filter(principal="dana"),
    "a workload": Filter(workload="pipeline-7"),
    "an entity in a third of all": Filter(entity="EMAIL_ADDRESS"),
    "a rare entity": Filter(entity="CREDIT_CARD"),
    "a verdict": Filter(outcome="refused"),
    "a day long ago": Filter(since="2026-01-05", until="2026-01-06"),
    "a rare word": Filter(text="4999"),
    "a word of all": Filter(text="pipeline"),
    "a workload, a verdict and an entity": Filter(workload="pipeline-7", outcome="refused", entity="PERSON"),
}


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def walked(path: Path) -> float:
    connection = sqlite3.connect(path)
    asked = "SELECT count(*) FROM entries WHERE json_extract(entry, '$.body.who.workload') = 'pipeline-7'"
    took = milliseconds(lambda: connection.execute(asked).fetchone())
    connection.close()
    return took


def run(progress: Callable[[str], None]) -> list[Figure]:
    million = f"{ENTRIES / 1e6:g} M entries"
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        keys = build(state, progress)
        path = state / NAME
        progress("starting")
        starts, reads = [started(state) for _ in range(RUNS)], [leaves(path)]
        progress(f"verifying {ENTRIES} entries")
        rate, plain = verified(path, keys), hashed(path)

        def told(data: Iterable[bytes], count: int) -> Iterator[bytes]:
            for number, one in enumerate(data):
                if not number % 10_000:
                    progress(f"indexing {count} entries: {number / count:.0%}")
                yield one

        progress("every entry's JSON")
        walks = [walked(path)]
        times: dict[str, list[float]] = {}
        with Reader(path) as reader:
            began = time.perf_counter()
            with Index.open(reader, state, told) as index:
                built = time.perf_counter() - began
                for _ in range(RUNS):
                    for name, wanted in FILTERS.items():
                        progress(f"sessions with {name}")
                        took = milliseconds(lambda wanted=wanted: index.sessions(wanted, 20))
                        times.setdefault(f"sessions of {million} with {name}", []).append(took)
                    took = milliseconds(lambda: [reader.entry(seq) for seq in index.newest("start", 20)])
                    times.setdefault(f"entries of a rare kind among {million}", []).append(took)
    return [
        figure(f"{million} verified by one core, beside hashing them", "1/s", [rate], [plain], VERIFIED),
        figure(f"opening {million} at a start, beside reading their leaves", "s", starts, reads, START),
        figure(f"index of {million}, made from nothing, beside a walk", "s", [built], [walks[0] / 1000]),
        *(figure(f"{name}, beside a walk", "ms", taken, walks, FILTER) for name, taken in times.items()),
    ]


if __name__ == "__main__":
    start()
