"""A start with rules that cannot be used: nothing passes, every client is told, and it goes on when they are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx

from clients import ask
from demo.gateway import READY, Gateway
from demo.model_host import ModelHost
from signing import Pair
from weighlock.policy import manifest

Make = Callable[..., Gateway]


def refused(gateway: Gateway) -> str:
    """What a client is told, from the first moment at which somebody listens."""
    while True:
        try:
            with httpx.Client(proxy=gateway.proxy(gateway.token()), verify=False, trust_env=False) as http:
                http.get(f"{gateway.url}/models")
        except httpx.ProxyError as error:
            return str(error)
        except httpx.ConnectError:
            assert gateway.process is not None
            assert gateway.process.poll() is None, gateway.output


def refused_until(gateway: Gateway, line: str) -> set[str]:
    told = {refused(gateway)}
    while line not in gateway.output:
        told.add(refused(gateway))
    return {said.partition(":")[0] for said in told}


def test_with_bad_rules_everything_is_refused_until_they_are_right(make: Make, host: ModelHost) -> None:
    gateway, seen = make(), len(host.received)
    policy = gateway.rules / "policy" / "default.yaml"
    good = policy.read_text()
    policy.write_text("statements: [\n")
    gateway.start()

    starting = refused_until(
        gateway, "refusing everything until the rules are right: policy/default.yaml:2:1: not YAML"
    )
    assert starting <= {"503 not-ready", "503 no-rules"}
    assert refused(gateway) == "503 no-rules: The gateway has no rules that it can use, so nothing passes."
    policy.write_text(good.replace("effect: block", "efect: block", 1))
    assert refused_until(gateway, "did you mean 'effect'?") == {"503 no-rules"}
    (gateway.rules / "notes.txt").write_text("x")
    assert refused_until(gateway, "notes.txt: only .yaml") == {"503 no-rules"}
    assert READY not in gateway.output
    assert len(host.received) == seen

    (gateway.rules / "notes.txt").unlink()
    policy.write_text(good)
    gateway.wait_ready()
    assert ask(gateway, "hello").status_code == 200
    assert gateway.stop() == 0
    done = gateway.weighlock("ledger", "show", "--kind", "control", "--limit", "100", "--json").stdout
    events = [json.dumps(entry) for entry in json.loads(done)]
    assert sum("rules-rejected" in event for event in events) == 3
    assert sum("rules-loaded" in event for event in events) == 1


def test_rules_that_must_be_signed_come_into_force_with_their_signature(make: Make, tmp_path: Path) -> None:
    pair, key = Pair.new(), tmp_path / "rules.pub"
    key.write_bytes(pair.public_pem)
    gateway = make(options={"weighlock_rules_key": str(key)})
    gateway.start()

    refused_until(gateway, "refusing everything until the rules are right: manifest.jws: the rules are not signed")
    pair.sign(gateway.rules, 3)
    gateway.wait_ready()
    assert ask(gateway, "hello").status_code == 200
    assert ", signed as version 3" in gateway.output
    (gateway.rules / manifest.NAME).unlink()
    while "rules rejected: manifest.jws: the rules are not signed" not in gateway.output:
        assert ask(gateway, "the last good ones stay").status_code == 200
