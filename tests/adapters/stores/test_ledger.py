from __future__ import annotations

import asyncio
import base64
import logging
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from weighlock.adapters.keys import Keys, open_keys
from weighlock.adapters.stores import ledger as ledger_module
from weighlock.adapters.stores import ledgerbacklog, ledgerwriter
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgergap import Missed
from weighlock.adapters.stores.ledgersealer import Sealer
from weighlock.errors import ConfigError, Unavailable
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Kind
from weighlock.ledger.verify import Report, verify

DRAFT = Draft(Kind.REQUEST, {"number": 1}, {"request.sent": b"hello"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def keys(state: Path) -> Keys:
    return open_keys(state)


@pytest_asyncio.fixture
async def ledger(state: Path, keys: Keys) -> AsyncIterator[Ledger]:
    opened = Ledger.open(state, keys)
    yield opened
    await opened.close()


def check(state: Path) -> Report:
    with Reader(state / NAME) as reader:
        return verify(reader.rows(), reader.payloads(), reader.checkpoints(), open_keys(state).signer.verifier)


def gaps(state: Path) -> list[tuple[int, int]]:
    """Where each entry about a gap stands, and how many it says could not be written."""
    with Reader(state / NAME) as reader:
        told = [entry.parse(data) for data in reader.entries()]
    return [(said.seq, said.body["gap"]["entries"]) for said in told if "gap" in said.body]


def contents(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in state.iterdir()}


class Lock:
    """Somebody else's hold on the file: until it ends, nothing can be committed."""

    def __init__(self, state: Path) -> None:
        self._connection = sqlite3.connect(state / NAME, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def test_an_entry_is_in_the_file_when_append_returns(ledger: Ledger, state: Path) -> None:
    assert await ledger.append(DRAFT) == 0
    assert await ledger.append(DRAFT) == 1

    with Reader(state / NAME) as reader:
        said = entry.parse(reader.entry(1))
    assert (said.kind, said.body, said.payloads["request.sent"].size) == (Kind.REQUEST, {"number": 1}, 5)


async def test_the_auditor_opens_what_was_sealed(ledger: Ledger, state: Path) -> None:
    await ledger.append(DRAFT)

    auditor = seal.identities((state / "auditor.key").read_text())
    with Reader(state / NAME) as reader:
        ref = entry.parse(reader.entry(0)).payloads["request.sent"]
        assert seal.open_sealed(ref, *reader.payload(0, "request.sent"), auditor) == b"hello"


async def test_many_at_once_are_all_written_and_numbered_once(ledger: Ledger, state: Path) -> None:
    seqs = await asyncio.gather(*(ledger.append(DRAFT) for _ in range(600)))

    assert sorted(seqs) == list(range(600))
    assert check(state).ok


async def test_those_who_wait_share_a_commit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write, backlog = ledger._writer.write, ledger._backlog

    def slow(batch: list[ledgerwriter.Prepared], *, sign: bool = False) -> list[int | None]:
        sizes.append(len(batch))
        with backlog._changed:
            assert backlog._changed.wait_for(lambda: sum(sizes) + len(backlog._waiting) == 20, 10)
        return write(batch, sign=sign)

    monkeypatch.setattr(ledger._writer, "write", slow)
    await asyncio.gather(*(ledger.append(DRAFT) for _ in range(20)))

    assert sum(sizes) == 20
    assert len(sizes) <= 2


async def test_a_checkpoint_stands_at_the_end_after_close(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    await ledger.append(DRAFT)
    await ledger.close()

    assert f"{NAME}-wal" not in contents(state)
    report = check(state)
    assert (report.ok, report.entries, report.signed) == (True, 1, 1)


async def test_a_checkpoint_comes_by_itself_after_a_while(
    state: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SIGN_AFTER", 0.01)
    ledger, loop, signed = Ledger.open(state, keys), asyncio.get_running_loop(), asyncio.Event()
    write = ledger._writer.write

    def noting(batch: list[ledgerwriter.Prepared], *, sign: bool = False) -> list[int | None]:
        seqs = write(batch, sign=sign)
        if sign:
            loop.call_soon_threadsafe(signed.set)
        return seqs

    monkeypatch.setattr(ledger._writer, "write", noting)
    await ledger.append(DRAFT)
    async with asyncio.timeout(10):
        await signed.wait()

    assert check(state).signed == 1
    await ledger.close()
    assert check(state).checkpoints == 1


async def test_close_waits_for_what_is_under_way(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    waiting = [asyncio.create_task(ledger.append(DRAFT)) for _ in range(50)]
    await asyncio.sleep(0)
    await ledger.close()

    assert sorted(await asyncio.gather(*waiting)) == list(range(50))
    assert check(state).signed == 50


async def test_nothing_is_taken_after_close_and_closing_twice_is_fine(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    await ledger.close()
    await ledger.close()

    with pytest.raises(Unavailable) as caught:
        await ledger.append(DRAFT)
    assert caught.value.code == "ledger-closed"


async def test_the_loop_runs_on_while_the_file_cannot_be_written(ledger: Ledger, state: Path) -> None:
    lock = Lock(state)
    waiting = asyncio.create_task(ledger.append(DRAFT))
    for _ in range(50):
        await asyncio.sleep(0.001)
        assert not waiting.done()
    lock.end()

    assert await waiting == 0


async def test_nothing_is_acknowledged_that_could_not_be_written_and_it_recovers(
    ledger: Ledger, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.append(DRAFT)
    lock = Lock(state)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await ledger.append(DRAFT)
        assert (caught.value.code, caught.value.retry) == ("ledger-unavailable", True)
    lock.end()

    assert await ledger.append(DRAFT) == 2
    assert check(state).entries == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING, logging.WARNING]
    assert "locked" in caplog.records[0].getMessage()
    assert gaps(state) == [(1, 2)]


async def test_what_was_missed_is_an_entry_also_when_nothing_else_comes(
    state: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "TRY_AFTER", 0.01)
    ledger, loop, told = Ledger.open(state, keys), asyncio.get_running_loop(), asyncio.Event()
    sound = ledger._gap.told

    def noting(said: Missed) -> None:
        sound(said)
        loop.call_soon_threadsafe(told.set)

    monkeypatch.setattr(ledger._gap, "told", noting)
    lock = Lock(state)
    with pytest.raises(Unavailable):
        await ledger.append(DRAFT)
    lock.end()
    async with asyncio.timeout(10):
        await told.wait()

    assert gaps(state) == [(0, 1)]
    await ledger.close()
    assert check(state).ok


async def test_what_was_missed_at_the_end_is_an_entry_too(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    with pytest.raises(Unavailable):
        await ledger.append(Draft(Kind.REQUEST, {"x": float("nan")}))
    await ledger.close()

    assert gaps(state) == [(0, 1)]


async def test_a_ledger_knows_whether_the_run_before_ended_by_itself(state: Path, keys: Keys) -> None:
    for last, unclean in ((None, False), (Kind.STOP, False), (Kind.REQUEST, True)):
        ledger = Ledger.open(state, keys)
        if last:
            await ledger.append(Draft(last, {}))
        await ledger.close()
        again = Ledger.open(state, keys)
        assert again.unclean is unclean
        await again.close()


async def test_a_file_system_that_became_read_only_is_recovered_from(
    ledger: Ledger, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.append(DRAFT)
    connect = ledgerwriter.connect

    def read_only(path: Path, *, create: bool) -> sqlite3.Connection:
        connection = connect(path, create=create)
        connection.execute("PRAGMA query_only=ON")  # as SQLite finds it: attempt to write a readonly database
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(ledgerwriter, "connect", read_only)
        ledger._writer.close()
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await ledger.append(DRAFT)
            assert caught.value.code == "ledger-unavailable"

    await ledger.append(DRAFT)
    assert gaps(state) == [(1, 2)]
    assert check(state).ok


async def test_a_full_disk_is_recovered_from(ledger: Ledger, state: Path) -> None:
    await ledger.append(DRAFT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((state / f"{NAME}-wal").stat().st_size, before[1]))
    try:
        with pytest.raises(Unavailable) as caught:
            await ledger.append(Draft(Kind.REQUEST, {}, {"request.sent": os.urandom(1 << 20)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert caught.value.code == "ledger-unavailable"
    assert await ledger.append(DRAFT) == 2
    assert gaps(state) == [(1, 1)]
    assert check(state).ok


async def test_a_file_that_is_gone_for_good_ends_in_a_refusal_at_close_too(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    await ledger.append(DRAFT)
    (state / NAME).rename(state / "elsewhere")

    with pytest.raises(Unavailable):
        await ledger.append(DRAFT)
    with pytest.raises(Unavailable):
        await ledger.close()


async def test_an_entry_that_cannot_be_written_is_refused_alone(ledger: Ledger) -> None:
    odd = Draft(Kind.REQUEST, {"x": float("nan")})

    results = await asyncio.gather(
        ledger.append(DRAFT), ledger.append(odd), ledger.append(DRAFT), return_exceptions=True
    )

    assert len({result for result in results if isinstance(result, int)}) == 2
    (refused,) = [result for result in results if isinstance(result, Unavailable)]
    assert refused.code == "entry-unwritable"


async def test_a_payload_that_cannot_be_sealed_is_refused_and_gives_its_room_back(
    ledger: Ledger, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgerbacklog, "ENTRIES", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Sealer, "seal", None)
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await ledger.append(DRAFT)
            assert caught.value.code == "ledger-unavailable"

    assert await ledger.append(DRAFT) == 1
    assert gaps(state) == [(0, 3)]


@pytest.mark.parametrize(("bound", "value"), [("ENTRIES", 3), ("BYTES", 15)])
async def test_what_is_too_much_is_refused_at_once_and_later_taken(
    ledger: Ledger, state: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(ledgerbacklog, bound, value)
    lock = Lock(state)
    waiting = [asyncio.create_task(ledger.append(DRAFT)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as caught:
        await ledger.append(DRAFT)
    lock.end()

    assert caught.value.code == "ledger-overloaded"
    assert len(set(await asyncio.gather(*waiting))) == 3
    assert await ledger.append(DRAFT) == 4
    assert [entries for _, entries in gaps(state)] == [1]


async def test_a_single_entry_over_the_bound_is_let_through(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgerbacklog, "BYTES", 3)

    assert await ledger.append(DRAFT) == 0


async def test_an_entry_whose_wait_was_cancelled_harms_nobody(ledger: Ledger, state: Path) -> None:
    lock = Lock(state)
    given_up = asyncio.create_task(ledger.append(DRAFT))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    lock.end()
    await ledger.append(DRAFT)

    assert check(state).ok


async def test_a_second_gateway_is_kept_out_until_the_first_has_closed(state: Path, keys: Keys) -> None:
    first = Ledger.open(state, keys)
    with pytest.raises(ConfigError, match="another gateway"):
        Ledger.open(state, keys)
    await first.close()

    second = Ledger.open(state, keys)
    await second.close()


async def test_a_start_that_fails_lets_go_of_the_lock(state: Path, keys: Keys) -> None:
    (state / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        Ledger.open(state, keys)
    (state / NAME).unlink()

    await Ledger.open(state, keys).close()


async def test_no_plaintext_is_in_any_file_or_repr(state: Path, keys: Keys) -> None:
    secret = "Jane Q. Planted, 4111-1111-1111-1111"
    draft = Draft(Kind.REQUEST, {}, {"request.sent": secret.encode() * 50})
    ledger = Ledger.open(state, keys)
    await ledger.append(draft)
    while_open = contents(state)
    await ledger.close()

    spellings = [
        secret.encode(),
        secret.encode("utf-16-le"),
        base64.b64encode(secret.encode())[:-4],
        secret[:12].encode(),
    ]
    for data in (*while_open.values(), *contents(state).values()):
        assert not any(spelling in data for spelling in spellings)
    assert "Planted" not in repr(draft)
    assert {name for name in contents(state) if name.startswith("ledger")} == {NAME, "ledger.lock"}
    assert f"{NAME}-wal" in while_open


async def test_what_is_large_is_sealed_beside_the_loop(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    sealing = Sealer.seal

    def noting(sealer: Sealer, payload: bytes) -> seal.Sealed:
        threads.add(threading.current_thread())
        return sealing(sealer, payload)

    monkeypatch.setattr(Sealer, "seal", noting)
    await ledger.append(Draft(Kind.REQUEST, {}, {"request.sent": bytes(ledger_module.SMALL + 1)}))

    assert threads
    assert threading.current_thread() not in threads


_APPENDING = """
import asyncio, sys
from pathlib import Path
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.ledger.entry import Kind

async def main():
    state = Path(sys.argv[1])
    ledger = Ledger.open(state, open_keys(state))
    async def one():
        while True:
            seq = await ledger.append(Draft(Kind.REQUEST, {}, {"request.sent": b"x" * 500}))
            print(seq, flush=True)
    await asyncio.gather(*(one() for _ in range(8)))

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(state: Path) -> None:
    chance = random.Random(7)
    acknowledged: set[int] = set()
    path = [str(Path(ledger_module.__file__).parents[3])]
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _APPENDING, str(state)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        )
        assert process.stdout
        for _ in range(chance.randrange(1, 300)):
            acknowledged.add(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")[:-1]
        acknowledged.update(map(int, rest))
        process.stdout.close()
        process.wait()

        report = check(state)
        assert report.ok
        assert max(acknowledged) < report.entries


async def test_a_ledger_that_was_killed_goes_on_where_it_was(state: Path, keys: Keys) -> None:
    ledger = Ledger.open(state, keys)
    await ledger.append(DRAFT)
    copy = state.with_name("copy")
    copy.mkdir(mode=0o700)
    for name, data in contents(state).items():  # what a crash would leave: the WAL not yet folded in
        (copy / name).write_bytes(data)
        (copy / name).chmod(0o600)
    await ledger.close()

    again = Ledger.open(copy, open_keys(copy))
    assert await again.append(DRAFT) == 1
    await again.close()
    assert check(copy).ok
