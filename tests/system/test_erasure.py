"""A running gateway is the one that erases: asked from the command line, it carries it out and goes on."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from clients import ask
from demo.gateway import Gateway
from planted import found
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.orders import OrderKind, Orders
from weighlock.ledger.erasure import Target

PROMPT = "quokka-prompt-words"


def test_a_running_gateway_erases_what_it_recorded_and_goes_on(make: Callable[..., Gateway]) -> None:
    with make() as gateway:
        token = gateway.token()
        assert ask(gateway, PROMPT, token).status_code == 200
        (session,) = said(gateway, "sessions", "list")
        assert session["verdict"] == "allow"
        key = str(gateway.state / "auditor.key")
        assert PROMPT in gateway.weighlock("sessions", "show", session["session"], "--auditor-key", key).stdout

        erased = said(gateway, "ledger", "erase", "--session", session["session"], "--reason", "asked", "--yes")
        assert erased["erased"]
        assert erased["entries"] == 2

        shown = gateway.weighlock("sessions", "show", session["session"], "--auditor-key", key).stdout
        assert PROMPT not in shown
        assert "(erased)" in shown
        assert ask(gateway, PROMPT, token).status_code == 200
        assert said(gateway, "ledger", "verify")["ok"]
        assert found(gateway.state, [PROMPT]) == []


def test_a_running_gateway_closes_its_segments_and_removes_them_when_it_is_told_to(
    make: Callable[..., Gateway],
) -> None:
    with make(options={"weighlock_ledger_segment": "1s"}) as gateway:
        assert ask(gateway, PROMPT).status_code == 200
        give_up = time.monotonic() + 60
        while len(said(gateway, "ledger", "segments")) < 3:
            assert time.monotonic() < give_up
        with contextlib.closing(Orders.open(gateway.state)) as orders:
            with Reader(gateway.state / NAME) as reader:
                before, keyed = reader.segments()[1], sorted(reader.keyed())
            given: dict[str, Any] = {"reason": "old", "by": "auditor", "now": time.time()}
            orders.ask(OrderKind.ERASE, Target(), seqs=keyed, **given)
            removal = orders.ask(OrderKind.REMOVE, Target(), seqs=[before], **given)
            while not orders.is_done(removal):
                assert time.monotonic() < give_up
        assert said(gateway, "ledger", "segments")[0]["first"] == before
        report = said(gateway, "ledger", "verify")
        assert (report["ok"], report["removed"]) == (True, before)
        digest = said(gateway, "policy", "show")[-1]["rules"]
        assert ask(gateway, PROMPT).status_code == 200
        (newest,) = said(gateway, "sessions", "list")
        assert newest["exchanges"] == 1
        assert gateway.weighlock("policy", "show", digest).returncode == 0
    assert said(gateway, "ledger", "verify")["ok"]


def said(gateway: Gateway, *command: str) -> Any:
    ran = gateway.weighlock(*command, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
