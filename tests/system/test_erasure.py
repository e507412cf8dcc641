"""A running gateway is the one that erases: asked from the command line, it carries it out and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from clients import ask
from demo.gateway import Gateway
from planted import found

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


def said(gateway: Gateway, *command: str) -> Any:
    ran = gateway.weighlock(*command, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
