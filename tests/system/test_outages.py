"""The real gateway whose ledger cannot be written: nothing leaves, it recovers by itself, the gap is recorded."""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from clients import RULES_ALONE, ask
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from weighlock.adapters.stores.ledgerfile import NAME


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("outages"), issuer, host, options=RULES_ALONE) as gateway:
        yield gateway


@contextlib.contextmanager
def full(gateway: Gateway) -> Iterator[None]:
    """No file of the gateway's may grow."""
    assert gateway.process
    pid = gateway.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def locked(gateway: Gateway) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(gateway.state / NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def gone(gateway: Gateway) -> Iterator[None]:
    path = gateway.state / NAME
    path.rename(path.with_name("elsewhere"))
    try:
        yield
    finally:
        path.with_name("elsewhere").rename(path)


@contextlib.contextmanager
def replaced(gateway: Gateway) -> Iterator[None]:
    """Another file stands in its place."""
    with gone(gateway):
        (gateway.state / NAME).write_bytes(b"no database at all" * 100)
        yield
        (gateway.state / NAME).unlink()


def entries(gateway: Gateway) -> list[dict[str, Any]]:
    done = gateway.weighlock("ledger", "show", "--limit", "1000", "--json")
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    return shown


@pytest.mark.parametrize("outage", [full, locked, gone, replaced])
def test_nothing_leaves_while_the_ledger_cannot_be_written(
    own: Gateway, host: ModelHost, outage: Callable[[Gateway], AbstractContextManager[None]]
) -> None:
    assert ask(own, "before the outage").status_code == 200
    seen, known = len(host.received), len(entries(own))
    with outage(own):
        refused = [ask(own, "during the outage") for _ in range(2)]
    assert [reply.status_code for reply in refused] == [503, 503]
    assert {reply.json()["error"]["code"] for reply in refused} == {"ledger-unavailable"}
    assert b"during the outage" not in host.received[seen:]
    assert len(host.received) == seen

    assert ask(own, "after the outage").status_code == 200, own.output[-1500:]
    new = entries(own)[known:]
    gaps = [entry["body"]["gap"] for entry in new if "gap" in entry["body"]]
    assert sum(gap["entries"] for gap in gaps) >= 2
    assert all(gap["since"] <= gap["until"] for gap in gaps)
    assert own.weighlock("ledger", "verify").returncode == 0


def test_a_second_gateway_on_the_same_ledger_does_not_start(own: Gateway, tmp_path: Path) -> None:
    second = Gateway(tmp_path / "second", own.issuer, own.host, options=RULES_ALONE)
    second.state = own.state
    second.start()

    assert second.exit_code() == 78
    assert "another gateway" in second.output
