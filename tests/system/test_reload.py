"""Rules that change under the real gateway: broken ones, and a thousand good ones under load."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

import smallrules
from broken import BROKEN, KEY
from clients import RULES_ALONE, ask, chat, client
from demo.gateway import ROOT, Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.cli.since import entries_since

RELOADS = 1000
CARD = "4111 1111 1111 1111"
type Swift = Callable[..., Gateway]


@pytest.fixture
def reloaded(tmp_path: Path) -> Path:
    """A pipe with a line for each version that came into force."""
    os.mkfifo(tmp_path / "reloaded")
    return tmp_path / "reloaded"


@pytest.fixture
def swift(reloaded: Path, tmp_path: Path, issuer: DemoIssuer, host: ModelHost) -> Swift:
    """A gateway that looks at its small rules all the time, not started."""

    def made(**options: str) -> Gateway:
        gateway = Gateway(
            tmp_path / "gateway",
            issuer,
            host,
            options=RULES_ALONE | options,
            script=Path(__file__).with_name("swift_gateway.py"),
            env={"PYTHONPATH": str(ROOT / "addons"), "RELOADED": str(reloaded)},
        )
        smallrules.narrowed(gateway.rules)
        return gateway

    return made


def recorded(gateway: Gateway) -> list[Any]:
    """Entries, the oldest first."""
    with contextlib.closing(entries_since("", gateway.state / NAME)) as entries:
        return list(entries)[::-1]


def test_every_broken_policy_leaves_the_last_good_one_in_force_and_is_told(
    swift: Swift, reloaded: Path, tmp_path: Path
) -> None:
    key = tmp_path / "rules.pub"
    key.write_bytes(KEY.public_pem)
    gateway = swift(weighlock_rules_key=str(key))
    KEY.sign(gateway.rules, 7)
    good = {path: path.read_text() for path in gateway.rules.rglob("*") if path.is_file()}
    with os.fdopen(os.open(reloaded, os.O_RDWR)) as good_again, gateway:
        for name, (breaks, said) in BROKEN.items():
            good_again.readline()
            mark = len(gateway.output)
            breaks(gateway.rules)
            while said not in gateway.output[mark:]:
                assert ask(gateway, CARD).json()["error"]["code"] == "policy-blocked", name
            assert "cards-stay" in ask(gateway, CARD).text, name
            for path in [path for path in gateway.rules.rglob("*") if path.is_file() and path not in good]:
                path.unlink()
            for path, text in good.items():
                if not path.exists() or path.read_text() != text:
                    path.write_text(text)
        digests = {said.body["verdict"]["policy"] for said in recorded(gateway) if "verdict" in said.body}
        rejected = [said.body["message"] for said in recorded(gateway) if said.body.get("event") == "rules-rejected"]
        counted = httpx.get(f"http://127.0.0.1:{gateway.console_port}/metrics", trust_env=False).text

    assert f'weighlock_entries_total{{kind="control",said="rules-rejected"}} {len(rejected)}.0' in counted
    assert len(digests) == 1
    assert [name for name, (_, said) in BROKEN.items() if not any(said in message for message in rejected)] == []


# -- a thousand --------------------------------------------------------------------------------------------------------


def version(number: int) -> str:
    """A policy that says its number in what it masks, in each direction, and in the ids of its statements."""
    return f"""\
statements:
  - {{id: all-may-call, effect: allow}}
  - {{id: card-{number}, effect: allow, direction: request, findings: {{entities: [CREDIT_CARD]}}}}
  - {{id: asked-{number}, effect: mask, direction: request, findings: {{entities: [EMAIL_ADDRESS]}},
     operator: {{name: replace, new_value: asked-{number}}}}}
  - {{id: said-{number}, effect: mask, direction: response, findings: {{entities: [CREDIT_CARD]}},
     operator: {{name: replace, new_value: said-{number}}}}}
"""


class Pipeline:
    """Asks again and again over one connection, and keeps by which versions it was answered."""

    def __init__(self, gateway: Gateway) -> None:
        self._url, self._http = f"{gateway.url}/chat/completions", client(gateway)
        self.seen: Counter[int] = Counter()

    def ask(self) -> int:
        answer = self._http.post(self._url, json=chat(f"Charge {CARD} for maria@example.com."))
        assert answer.status_code == 200, answer.text
        match = re.fullmatch(
            r"You said: Charge said-(\d+) for asked-(\d+)\.", answer.json()["choices"][0]["message"]["content"]
        )
        assert match, answer.text
        assert match[1] == match[2], "asked under one policy, and answered under another"
        self.seen[int(match[1])] += 1
        return int(match[1])

    def go_on(self, until: threading.Event) -> None:
        while not until.is_set():
            self.ask()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


@pytest.mark.timeout(300)
def test_a_thousand_reloads_under_load_mix_no_two_policies_and_drop_nothing(swift: Swift, reloaded: Path) -> None:
    gateway, done = swift(), threading.Event()
    policy = gateway.rules / "policy"

    def write(number: int) -> None:
        (policy / ".new").write_text(version(number))
        (policy / ".new").rename(policy / "default.yaml")

    (policy / "default.cases.yaml").unlink()
    write(0)
    with (
        os.fdopen(os.open(reloaded, os.O_RDWR)) as swaps,
        gateway,
        Pipeline(gateway) as one,
        Pipeline(gateway) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        swaps.readline()
        running = [pool.submit(pipeline.go_on, done) for pipeline in (one, other)]
        try:
            for number in range(1, RELOADS + 1):
                write(number)
                swaps.readline()
        finally:
            done.set()
        for pipeline in running:
            pipeline.result()
        assert gateway.stop() == 0
    entries, seen = recorded(gateway), one.seen + other.seen
    assert sum(said.body.get("event") == "rules-loaded" for said in entries) == RELOADS
    assert len(seen) > RELOADS / 2
    assert judged(entries) == seen


def judged(entries: list[Any]) -> Counter[int]:
    """How many exchanges were judged by each version, whole: request and reply, digest and statements."""
    numbers = {
        said.body["rules"]: int(match[1])
        for said in entries
        if said.body.get("event") == "policy-in-force"
        and (match := re.search(r"id: asked-(\d+)", said.body["files"]["policy/default.yaml"]))
    }
    by_exchange: dict[str, set[tuple[int, str]]] = {}
    for said in entries:
        verdict = said.body.get("verdict")
        if verdict and verdict["policy"] in numbers and verdict["because"] != ["all-may-call"]:
            (because,) = verdict["because"]
            by_exchange.setdefault(said.body["exchange"], set()).add((numbers[verdict["policy"]], because))
    counted: Counter[int] = Counter()
    for verdicts in by_exchange.values():
        number = next(iter(verdicts))[0]
        assert verdicts == {(number, f"asked-{number}"), (number, f"said-{number}")}
        counted[number] += 1
    return counted
