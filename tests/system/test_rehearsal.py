"""A recorded pipeline runs again with the model host gone: the real openai SDK, the real gateway, and the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from clients import RULES_ALONE, recorded, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import LEAK, ModelHost
from rehearsing import Rehearsal

MAIL = "maria.lopez@example.com"
GAP = 0.05


class Rehearsed:
    """A gateway that has recorded one document and one stream, and a rehearsal of it."""

    def __init__(self, folder: Path, issuer: DemoIssuer) -> None:
        host = ModelHost(folder / "host", gap=GAP)
        self.live = Gateway(folder / "live", issuer, host, options=RULES_ALONE)
        with self.live:
            self.document = said(self.live, f"Write to {MAIL}, please.")
            self.stream = streamed(self.live, "leak a card")
            recorded(self.live, "response", 2)
        host.stop()
        self.host, self.issuer, self.folder = host, issuer, folder

    def rehearse(self, name: str) -> Rehearsal:
        return Rehearsal(self.folder / name, self.live, self.issuer, self.host)


def said(gateway: Gateway, text: str, **claims: Any) -> str:
    messages: Any = [{"role": "user", "content": text}]
    with sdk(gateway, gateway.token(**claims)) as client:
        return str(client.chat.completions.create(model="demo", messages=messages).choices[0].message.content)


def streamed(gateway: Gateway, text: str) -> tuple[str, float]:
    """What was said, and how many seconds it took."""
    messages: Any = [{"role": "user", "content": text}]
    with sdk(gateway) as client:
        begun = time.monotonic()
        said = client.chat.completions.create(model="demo", messages=messages, stream=True)
        words = "".join(chunk.choices[0].delta.content or "" for chunk in said)
        return words, time.monotonic() - begun


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer) -> Rehearsed:
    return Rehearsed(tmp_path_factory.mktemp("rehearsed"), issuer)


@pytest.fixture(scope="module")
def rehearsal(rehearsed: Rehearsed) -> Iterator[Gateway]:
    with rehearsed.rehearse("rehearsal") as gateway:
        yield gateway


def code(refused: Callable[[], Any]) -> str:
    with pytest.raises(openai.APIStatusError) as caught:
        refused()
    return str(caught.value.body["code"])  # type: ignore[index]


def test_what_was_asked_before_is_answered_as_before(rehearsed: Rehearsed, rehearsal: Gateway) -> None:
    assert "You said: Write to <EMAIL_ADDRESS" in rehearsed.document
    for _ in range(2):
        assert said(rehearsal, f"Write to {MAIL}, please.") == rehearsed.document


def test_a_stream_comes_again_as_a_stream_at_its_own_pace(rehearsed: Rehearsed, rehearsal: Gateway) -> None:
    words, took = streamed(rehearsal, "leak a card")

    assert words == rehearsed.stream[0]
    assert "*1111" in words
    assert took > GAP * (len(LEAK) // 5)


def test_what_was_not_recorded_is_refused_and_never_sent(rehearsal: Gateway) -> None:
    assert code(lambda: said(rehearsal, "something else")) == "not-recorded"


def test_another_workload_gets_no_answer_of_this_one(rehearsal: Gateway) -> None:
    assert code(lambda: said(rehearsal, f"Write to {MAIL}, please.", project_id=9)) == "not-recorded"
    assert code(lambda: said(rehearsal, f"Write to {MAIL}, please.", aud="other")) != "not-recorded"


def test_the_rehearsal_is_recorded_as_one_in_a_ledger_of_its_own(rehearsed: Rehearsed, rehearsal: Gateway) -> None:
    shown = rehearsal.weighlock("ledger", "show", "--json", "--limit", "1000").stdout

    assert "a rehearsal, rules " in shown
    assert rehearsal.weighlock("ledger", "verify").returncode == 0
    assert "a rehearsal" not in rehearsed.live.weighlock("ledger", "show", "--json", "--limit", "1000").stdout


def test_a_cut_off_of_the_live_gateway_holds_in_a_rehearsal(rehearsed: Rehearsed, rehearsal: Gateway) -> None:
    done = rehearsed.live.weighlock("offboard", "casey", "--reason", "rehearsed")
    assert done.returncode == 0, done.stderr

    until = time.monotonic() + 10
    while (refused := code(lambda: said(rehearsal, "hello", project_id=9))) == "not-recorded":
        assert time.monotonic() < until
    assert refused != "not-recorded"


def test_a_policy_that_was_tightened_since_refuses(rehearsed: Rehearsed) -> None:
    gateway = rehearsed.rehearse("tightened")
    (gateway.rules / "policy" / "tight.yaml").write_text(
        "statements:\n  - {id: no-mail, effect: block, direction: request, findings: {entities: [EMAIL_ADDRESS]}, "
        "reason: No addresses.}\n"
    )
    (gateway.rules / "policy" / "default.cases.yaml").unlink()  # they say that addresses are masked
    with gateway:
        assert code(lambda: said(gateway, f"Write to {MAIL}, please.")) == "policy-blocked"
        assert streamed(gateway, "leak a card")[0] == rehearsed.stream[0]


def test_a_rehearsal_does_not_share_the_state_that_it_is_about(rehearsed: Rehearsed) -> None:
    gateway = rehearsed.rehearse("shared")
    gateway.state = rehearsed.live.state
    gateway.start()

    assert gateway.exit_code() == 78
    assert "a rehearsal has a state folder of its own" in gateway.output
