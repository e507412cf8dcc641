"""The ledger beside bare SQLite: exchanges a second, how long a request waits for its record, and bytes.

An exchange is what one chat completion leaves: a request's entry and a response's, in which something was found and
masked, and four HTTP messages of 4 KiB: as sent, forwarded, received and delivered. The ledger seals the messages, and
acknowledges an entry when it is durable. Bare SQLite is one thread that inserts the same canonical entries and the same
messages as they are, two rows an exchange, with the same pragmas (WAL, synchronous FULL): once with a commit for each
row, as who must know that it is durable before the next may go on, and once with as many rows a commit as the ledger
had for its own.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import millions
from figures import Figure, Goal, figure

from builders import a_call, a_finding, a_principal
from ledgers import a_verdict, an_exchange
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, PAGE
from weighlock.adapters.stores.ledgerwriter import Prepared
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind
from weighlock.model import Action, OperatorSpec
from weighlock.wire import message

RUNS, EXCHANGES, AT_ONCE, SIZE = 5, 1500, 256, 4096
RATE, PACED = 100, 320
"""Requests a second, and in all of one run."""
GOAL = Goal(0.5, ratio=True)

type Exchanges = Sequence[tuple[Draft, Draft]]
type Append = Callable[[Draft], Awaitable[object]]


def exchanges(count: int, seed: int) -> Exchanges:
    chance = random.Random(seed)
    words = ["".join(chance.choices("etaoinshrdlucmfw", k=chance.randint(2, 9))) for _ in range(3000)]
    return [_exchange(chance, words) for _ in range(count)]


def _exchange(chance: random.Random, words: Sequence[str]) -> tuple[Draft, Draft]:
    mail = a_finding(start=9, end=30, fingerprint=f"{chance.getrandbits(64):016x}")
    found = (mail, a_finding("PHONE_NUMBER", 40, 52))
    verdict = a_verdict(action=Action.MASK, operators={"EMAIL_ADDRESS": OperatorSpec("pseudonym")})
    principal = a_principal(workload=f"pipeline-{chance.randrange(60)}", claims={"run_id": str(chance.randrange(999))})
    made = an_exchange(
        id=f"{chance.getrandbits(128):032x}",
        principal=principal,
        call=a_call("hello", size=SIZE),
        findings=found,
        verdict=verdict,
    )
    asked, said = (" ".join(chance.choices(words, k=SIZE // 3)) for _ in range(2))
    reply = entry.response_body(made, status=200, findings=found[:1], verdict=verdict, refused=None)
    request = {"request.sent": _message(asked, "casey"), "request.forwarded": _message(asked, "<EMAIL_1>")}
    response = {"response.received": _message(said, "<EMAIL_1>"), "response.delivered": _message(said, "casey")}
    return Draft(Kind.REQUEST, entry.request_body(made), request), Draft(Kind.RESPONSE, reply, response)


def _message(words: str, name: str) -> bytes:
    """SIZE bytes, head and all."""
    fields = (("content-type", "application/json"), ("user-agent", "OpenAI/Python 3.54.0"))
    body = json.dumps({"model": "small", "messages": [{"role": "user", "content": f"write to {name}: {words}"}]})
    made = message.encode("POST /v1/chat/completions HTTP/1.1", fields, body.encode())
    return made[: SIZE - 4] + b'"}]}'


class Bare:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in (f"page_size={PAGE}", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry TEXT, one BLOB, other BLOB) STRICT")

    def write(self, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
        """In one commit."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO entries (entry, one, other) VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()


def row(draft: Draft) -> tuple[str, bytes, bytes]:
    one, other = draft.payloads.values()
    return entry.canonical(Entry(1000, entry.timestamp(time.time()), draft.kind, draft.body)).decode(), one, other


async def sealed(state: Path, given: Exchanges) -> tuple[float, float]:
    """Exchanges a second, AT_ONCE of them under way; and entries of one commit."""
    ledger, waiting, commits = Ledger.open(state, open_keys(state)), iter(given), 0
    write = ledger._writer.write

    def counting(batch: Sequence[Prepared], *, sign: bool = False) -> list[int | None]:
        nonlocal commits
        commits += bool(batch)
        return write(batch, sign=sign)

    ledger._writer.write = counting  # type: ignore[method-assign]

    async def work() -> None:
        for request, response in waiting:
            await ledger.append(request)
            await ledger.append(response)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    await ledger.close()
    return len(given) / took, 2 * len(given) / commits


def bare(path: Path, given: Exchanges, batch: int) -> float:
    rows, made = [row(draft) for pair in given for draft in pair], Bare(path)
    began = time.perf_counter()
    for at in range(0, len(rows), batch):
        made.write(rows[at : at + batch])
    took = time.perf_counter() - began
    made.close()
    return len(given) / took


async def paced(append: Append, given: Exchanges) -> float:
    """p99, in milliseconds, of the wait for a request's entry, where RATE requests begin in a second."""
    waits: list[float] = []

    async def one(due: float, request: Draft, response: Draft) -> None:
        await asyncio.sleep(due - time.monotonic())
        began = time.monotonic()
        await append(request)
        waits.append(time.monotonic() - began)
        await append(response)

    start = time.monotonic()
    await asyncio.gather(*(one(start + at / RATE, *pair) for at, pair in enumerate(given)))
    return sorted(waits)[len(waits) * 99 // 100] * 1000


async def both_paced(folder: Path, given: Exchanges) -> tuple[float, float]:
    """With the ledger, and with bare SQLite in a thread of its own, a commit for each."""
    ledger = Ledger.open(folder / "paced", open_keys(folder / "paced"))
    ours = await paced(ledger.append, given)
    await ledger.close()
    made, thread = Bare(folder / "paced.db"), ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    theirs = await paced(lambda draft: loop.run_in_executor(thread, lambda: made.write([row(draft)])), given)
    thread.shutdown()
    made.close()
    return ours, theirs


def run(progress: Callable[[str], None]) -> list[Figure]:
    rates, bares, grouped, p99s, bare_p99s, sizes = (list[float]() for _ in range(6))
    for turn in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            folder, said = Path(name), f"round {turn + 1} of {RUNS}"
            given = exchanges(EXCHANGES, turn)
            progress(f"{said}: {EXCHANGES} exchanges, sealed")
            rate, batch = asyncio.run(sealed(folder / "state", given))
            rates.append(rate)
            sizes.append((folder / "state" / NAME).stat().st_size / EXCHANGES)
            progress(f"{said}: bare SQLite, {batch:.0f} rows a commit")
            grouped.append(bare(folder / "grouped.db", given, round(batch)))
            progress(f"{said}: bare SQLite, a row a commit")
            bares.append(bare(folder / "bare.db", given, 1))
            progress(f"{said}: {RATE} requests a second")
            ours, theirs = asyncio.run(both_paced(folder, given[:PACED]))
            p99s.append(ours)
            bare_p99s.append(theirs)
    return [
        figure("exchanges of four sealed 4 KiB messages, beside bare SQLite, a commit each", "1/s", rates, bares, GOAL),
        figure("the same, beside bare SQLite with as many rows a commit", "1/s", rates, grouped),
        figure(f"a request's wait for its entry, p99, {RATE} requests/s, beside bare SQLite", "ms", p99s, bare_p99s),
        figure("the file, per exchange, beside its four messages", "bytes", sizes, [4 * SIZE]),
        *millions.run(progress),
    ]
