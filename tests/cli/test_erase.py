from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_principal
from ledgers import an_exchange, ledger_file
from weighlock.adapters.erasure import Eraser
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.adapters.stores.ledgerfile import NAME, Reader, connect
from weighlock.adapters.stores.orders import OrderKind, Orders
from weighlock.cli import main
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Kind
from weighlock.ledger.erasure import Target

_REASON = ("--reason", "asked for by the person")
_EACH = 40
"""Exchanges of each person: their keys fill many pages."""


def said(id: str, person: str) -> dict[str, Any]:
    principal = a_principal(subject=f"{person}-token", persons=frozenset({person}), token_id=person * 8)
    return entry.request_body(an_exchange(id=id, principal=principal))


@pytest.fixture
def secret() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def state(tmp_path: Path, secret: str) -> Path:
    folder = tmp_path / "state"
    entries = [
        (Kind.REQUEST, said(f"{person}{number}", person), {"request.sent": f"{person} {secret}".encode()})
        for number in range(_EACH)
        for person in ("kim", "dana")
    ]
    ledger_file(folder, entries)
    return folder


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output
    return result


def erase(state: Path, *arguments: str, exit_code: int = 0) -> Result:
    return run("ledger", "erase", *arguments, *_REASON, "--state", state, exit_code=exit_code)


def keys_of(state: Path, person: str) -> list[bytes]:
    query = (
        "SELECT wrapped FROM payload_keys JOIN entries USING (seq)"
        f" WHERE entry LIKE '%{person}-token%' AND wrapped != zeroblob(length(wrapped))"
    )
    connection = sqlite3.connect(f"file:{state / NAME}?mode=ro", uri=True)
    found = [wrapped for (wrapped,) in connection.execute(query)]
    connection.close()
    return found


def everything(folder: Path) -> Iterator[bytes]:
    """The bytes of every file."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()


def nowhere(folder: Path, needles: list[bytes]) -> bool:
    """No part of any wrapped key, however it may have been cut by a page. Others have the same key in front."""
    contents = b"\0".join(everything(folder))
    return not any(needle[-at:][:24] in contents for needle in needles for at in range(80, 23, -14))


def verified(state: Path) -> dict[str, Any]:
    return dict(json.loads(run("ledger", "verify", "--json", "--state", state).stdout))


def test_it_is_counted_first_and_nothing_is_erased(state: Path) -> None:
    keys = keys_of(state, "kim")

    assert f"payloads of {_EACH} entries would be erased" in erase(state, "--person", "kim").stdout
    assert keys_of(state, "kim") == keys


def test_erased_keys_and_texts_are_nowhere_and_the_ledger_verifies(state: Path) -> None:
    kim, dana = keys_of(state, "kim"), keys_of(state, "dana")
    assert len(kim) == len(dana) == _EACH
    assert not nowhere(state, kim)

    erase(state, "--person", "kim", "--yes")

    assert nowhere(state, kim)
    assert not nowhere(state, dana[:1])
    assert keys_of(state, "kim") == []
    report = verified(state)
    assert report["ok"]
    assert report["erased"] == _EACH


def test_who_is_erased_second_is_erased_as_well(state: Path) -> None:
    dana = keys_of(state, "dana")

    erase(state, "--person", "kim", "--yes")
    erase(state, "--person", "dana", "--yes")

    assert nowhere(state, dana)
    assert verified(state)["ok"]


def test_others_stay_readable(state: Path, secret: str) -> None:
    erase(state, "--person", "kim", "--yes")
    identities = seal.identities((state / "auditor.key").read_text())

    with Reader(state / NAME) as reader:
        of_dana = entry.parse(reader.entry(1))
        ciphertext, wrapped = reader.payload(1, "request.sent")
        assert (
            seal.open_sealed(of_dana.payloads["request.sent"], ciphertext, wrapped, identities)
            == b"dana " + secret.encode()
        )
        with pytest.raises(KeyError):
            reader.payload(0, "request.sent")


def test_an_entry_says_what_was_erased_and_why(state: Path) -> None:
    erase(state, "--person", "kim", "--yes")

    (body,) = [
        row["body"] for row in json.loads(run("ledger", "show", "--kind", "erasure", "--json", "--state", state).stdout)
    ]
    assert body["target"] == {"person": "kim"}
    assert body["reason"] == _REASON[1]
    assert body["erased"][:2] == [[0, 0], [2, 2]]


def test_nobody_else_can_take_payloads_away(state: Path) -> None:
    connection = connect(state / NAME, create=False)
    for statement in (
        "DELETE FROM payloads",
        "DELETE FROM payload_keys",
        "UPDATE payload_keys SET wrapped = x'01'",
        "UPDATE payload_keys SET seq = 9, wrapped = zeroblob(length(wrapped)) WHERE seq = 1",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            connection.execute(statement)
    connection.close()


def test_a_key_that_was_destroyed_without_an_entry_is_named(state: Path) -> None:
    connection = connect(state / NAME, create=False)
    connection.execute("UPDATE payload_keys SET wrapped = zeroblob(length(wrapped)) WHERE seq = 4")
    connection.close()

    report = json.loads(run("ledger", "verify", "--json", "--state", state, exit_code=1).stdout)
    assert [(found["seq"], found["kind"]) for found in report["problems"]] == [(4, "payload-key-missing")]


def test_an_erasure_that_did_not_happen_is_named(state: Path) -> None:
    async def pretend() -> None:
        ledger = Ledger.open(state, open_keys(state))
        await ledger.append(Draft(Kind.ERASURE, {"event": "erased", "erased": [[3, 3]]}))
        await ledger.close()

    asyncio.run(pretend())

    report = json.loads(run("ledger", "verify", "--json", "--state", state, exit_code=1).stdout)
    assert [(found["seq"], found["kind"]) for found in report["problems"]] == [(3, "not-erased")]


def test_what_is_held_stays_until_it_is_released(state: Path) -> None:
    run("ledger", "hold", "add", "--person", "kim", "--reason", "case 12", "--state", state)

    assert (
        f"payloads of 0 entries found; {_EACH} more are under a legal hold"
        in erase(state, "--person", "kim", "--yes").stdout
    )
    assert len(keys_of(state, "kim")) == _EACH
    (held,) = json.loads(run("ledger", "hold", "list", "--json", "--state", state).stdout)
    assert held["target"] == {"person": "kim"}

    run("ledger", "hold", "release", str(held["id"]), "--reason", "closed", "--state", state)
    erase(state, "--person", "kim", "--yes")

    assert keys_of(state, "kim") == []
    run("ledger", "hold", "release", str(held["id"]), "--reason", "again", "--state", state, exit_code=1)


def test_somebody_must_be_named(state: Path) -> None:
    assert "say whose" in erase(state, "--yes", exit_code=2).stderr


async def test_a_running_gateway_is_asked_and_carries_it_out(state: Path) -> None:
    kim = keys_of(state, "kim")
    ledger, orders = Ledger.open(state, open_keys(state)), Orders.open(state)
    watch = asyncio.create_task(Eraser(ledger, orders, state, lambda: 1.0).watch())

    await asyncio.to_thread(erase, state, "--person", "kim", "--yes")

    assert nowhere(state, kim)
    watch.cancel()
    await ledger.close()
    assert verified(state)["ok"]


async def test_a_reader_that_stands_in_the_way_is_waited_for(state: Path) -> None:
    ledger, orders = Ledger.open(state, open_keys(state)), Orders.open(state)
    await ledger.append(Draft(Kind.CONTROL, entry.control_body("other")))
    reader = Reader(state / NAME)
    kim = keys_of(state, "kim")
    id = orders.ask(OrderKind.ERASE, Target(person="kim"), reason="r", by="b", now=1.0, seqs=[0, 2])
    work = asyncio.create_task(Eraser(ledger, orders, state, lambda: 1.0).carry_out())

    done, _ = await asyncio.wait([work], timeout=1.0)
    assert not done
    assert not orders.is_done(id)

    reader.__exit__(None, None, None)
    await asyncio.wait_for(work, 10)
    assert nowhere(state, kim[:2])
    await ledger.close()


async def test_an_erasure_that_a_crash_broke_off_is_finished_and_not_repeated(state: Path) -> None:
    ledger, orders = Ledger.open(state, open_keys(state)), Orders.open(state)
    orders.ask(OrderKind.ERASE, Target(person="kim"), reason="r", by="b", now=1.0, seqs=[0, 2, 4])
    await ledger.append(Draft(Kind.ERASURE, {"event": "erased", "erased": [[0, 0]]}, erases=(0,)))

    await Eraser(ledger, orders, state, lambda: 1.0).carry_out()
    await Eraser(ledger, orders, state, lambda: 1.0).carry_out()
    await ledger.close()

    shown = json.loads(run("ledger", "show", "--kind", "erasure", "--json", "--state", state).stdout)
    assert [row["body"]["erased"] for row in shown] == [[[0, 0]], [[2, 2], [4, 4]]]
    assert verified(state)["ok"]
