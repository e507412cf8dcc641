"""The real gateway killed while requests are under way: whatever the model host got is in the ledger."""

from __future__ import annotations

import itertools
import random
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from clients import chat, client
from demo.gateway import Gateway
from demo.model_host import ModelHost
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.ledger import entry, seal
from weighlock.ledger.entry import Kind
from weighlock.lifecycle import UNCLEAN

KILLS, CLIENTS = 4, 4
_MARK = re.compile(rb"mark-\d+-end")


def asking(gateway: Gateway, marks: itertools.count[int], answered: threading.Semaphore) -> None:
    """Ask, each time something else, until the gateway is gone."""
    try:
        with client(gateway) as http:
            while True:
                body = chat(f"say something to mark-{next(marks)}-end")
                http.post(f"{gateway.url}/chat/completions", json=body, timeout=20)
                answered.release()
    except httpx.HTTPError:
        return


def recorded(state: Path) -> set[bytes]:
    identities = seal.identities((state / "auditor.key").read_text())
    marks: set[bytes] = set()
    with Reader(state / NAME) as reader:
        for said in map(entry.parse, reader.entries()):
            if said.kind is Kind.REQUEST:
                sealed = reader.payload(said.seq, "request.forwarded")
                marks.update(_MARK.findall(seal.open_sealed(said.payloads["request.forwarded"], *sealed, identities)))
    return marks


def test_a_gateway_killed_under_load_has_forwarded_nothing_unrecorded(
    make: Callable[..., Gateway], host: ModelHost
) -> None:
    marks, chance, lives = itertools.count(), random.Random(11), list[Gateway]()
    before = len(host.received)
    for _ in range(KILLS):
        lives.append(gateway := make())  # on the same state
        gateway.start()
        gateway.wait_ready()
        answered = threading.Semaphore(0)
        clients = [threading.Thread(target=asking, args=(gateway, marks, answered)) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        for _ in range(chance.randrange(5, 40)):
            assert answered.acquire(timeout=60)
        assert gateway.process
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait(30)
        for one in clients:
            one.join()

    forwarded = set(_MARK.findall(bytes(host.received[before:])))
    assert len(forwarded) > KILLS * 5
    assert forwarded <= recorded(gateway.state)
    assert gateway.weighlock("ledger", "verify").returncode == 0
    assert [UNCLEAN in life.output for life in lives] == [False] + [True] * (KILLS - 1)
