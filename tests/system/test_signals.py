"""Shared signals and the real gateway: what a transmitter says takes effect on what is under way, and only once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import ask, chat, client
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from jwts import key_pair
from transmitting import CAEP, POLL_TOKEN, PUSH_TOKEN, RECEIVER, RISC, SSF, DemoTransmitter, email, iss_sub

Make = Callable[..., Gateway]
BULK = " ".join(f"person{n}@example.com" for n in range(12))
ENV = {"SSF_PUSH": PUSH_TOKEN, "SSF_POLL": POLL_TOKEN}
CASEY = "1047"


@pytest.fixture
def transmitter() -> Iterator[DemoTransmitter]:
    transmitter = DemoTransmitter()
    yield transmitter
    transmitter.stop()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[ModelHost]:
    host = ModelHost(tmp_path / "slow", gap=0.05)
    yield host
    host.stop()


@pytest.fixture
def start(make: Make, transmitter: DemoTransmitter) -> Callable[..., Gateway]:
    """A running gateway that believes *transmitter*."""

    def started(how: dict[str, bool] | None = None, **given: Any) -> Gateway:
        gateway = make(env=ENV, options={"weighlock_hold_for": "40s"}, **given)
        (gateway.rules / "identity" / "transmitters.yaml").write_text(transmitter.rules(**how or {}))
        gateway.start()
        gateway.wait_ready()
        return gateway

    return started


def console(gateway: Gateway) -> str:
    return f"http://127.0.0.1:{gateway.console_port}"


def recorded(gateway: Gateway, event: str) -> list[str]:
    done = gateway.weighlock("ledger", "show", "--kind", "control", "--limit", "1000", "--json")
    assert done.returncode == 0, done.stderr
    return [entry["body"]["message"] for entry in json.loads(done.stdout) if entry["body"]["event"] == event]


def code(gateway: Gateway, token: str) -> str:
    response = ask(gateway, "hello", token)
    return "" if response.status_code == 200 else str(response.json()["error"]["code"])


def until_refused(gateway: Gateway, token: str) -> float:
    """When the first request was; one that is under way just then is ended without an answer."""
    refused = ""
    while not refused:
        with contextlib.suppress(httpx.RemoteProtocolError):
            refused = code(gateway, token)
    assert refused == "cut-off"
    return time.monotonic()


def streamed(gateway: Gateway, token: str, begun: list[float]) -> tuple[str, float]:
    """A long answer's text as far as it came, and when it ended. *begun* is told of its first line."""
    text = ""
    with (
        client(gateway, token) as http,
        http.stream(
            "POST", f"{gateway.url}/chat/completions", json=chat("A word at a time. " * 500, stream=True)
        ) as response,
        contextlib.suppress(httpx.RemoteProtocolError),
    ):
        for line in response.iter_lines():
            text += line
            begun.append(time.monotonic())
    return text, time.monotonic()


def held(gateway: Gateway) -> None:
    """Returns when a request is held."""
    environment = {"WEIGHLOCK_TOKEN": gateway.approver()}
    while True:
        done = gateway.weighlock("approvals", "list", "--json", env=environment)
        assert done.returncode == 0, done.stderr
        if json.loads(done.stdout):
            return


@pytest.mark.parametrize(
    ("who", "type_", "subject", "actor"),
    [
        ("the actor, by e-mail", "risc/account-disabled", email("Casey@example.com"), CASEY),
        ("the owner, by e-mail", "risc/account-purged", email("dana@example.com"), "42"),
        ("the owner, by session", "caep/session-revoked", email("dana@example.com"), "42"),
    ],
)
def test_a_push_ends_streams_held_requests_and_the_next_ones_within_a_second(
    start: Callable[..., Gateway],
    transmitter: DemoTransmitter,
    slow: ModelHost,
    who: str,
    type_: str,
    subject: Any,
    actor: str,
) -> None:
    gateway = start(host=slow)
    family, _, name = type_.partition("/")
    token, begun = gateway.token(actor_id=actor), list[float]()
    with ThreadPoolExecutor(2) as pool:
        stream = pool.submit(streamed, gateway, token, begun)
        waiting = pool.submit(lambda: (ask(gateway, BULK, token).json()["error"]["code"], time.monotonic()))
        held(gateway)
        while not begun:
            assert not stream.done()
        assert not waiting.done()

        answer = transmitter.push(
            console(gateway), transmitter.make({"risc": RISC, "caep": CAEP}[family] + name, subject)
        )
        at = time.monotonic()
        refused = until_refused(gateway, token)
        text, ended = stream.result(60)
        ended_code, let_go = waiting.result(60)

    assert (answer.status_code, answer.content) == (202, b"")
    assert max(refused, ended, let_go) - at < 1, who
    assert "cut-off" in text
    assert "[DONE]" not in text
    assert ended_code == "cut-off"
    (taken,) = recorded(gateway, "event-taken")
    assert taken.startswith(f"{transmitter.url}: {name}; cut-offs: ")
    listed = json.loads(gateway.weighlock("cutoffs", "list", "--json").stdout)
    assert {row["by"] for row in listed} == {f"ssf:{transmitter.url}"}


def test_who_is_not_meant_goes_on(start: Callable[..., Gateway], transmitter: DemoTransmitter) -> None:
    gateway = start()
    casey, other = gateway.token(actor_id=CASEY), gateway.token()
    assert transmitter.push(console(gateway), transmitter.make(subject=email("casey@example.com"))).status_code == 202
    until_refused(gateway, casey)

    assert code(gateway, other) == ""


def test_after_a_revoked_session_a_new_token_is_good(
    start: Callable[..., Gateway], transmitter: DemoTransmitter
) -> None:
    gateway = start()
    now = int(time.time())
    old, new = gateway.token(iat=now - 60), gateway.token(iat=now + 5)
    event = transmitter.make(CAEP + "session-revoked", email("dana@example.com"), event={"event_timestamp": now})
    assert transmitter.push(console(gateway), event).status_code == 202
    until_refused(gateway, old)

    assert code(gateway, new) == ""


def test_what_is_polled_takes_effect_and_is_acknowledged_after(
    start: Callable[..., Gateway], transmitter: DemoTransmitter
) -> None:
    gateway = start({"push": False, "poll": True})
    token = gateway.token(actor_id=CASEY)
    transmitter.wait(lambda: transmitter.polls)
    assert code(gateway, token) == ""

    forged = transmitter.offer(transmitter.make(pair=key_pair("RS256", "stranger"), subject=email("dana@example.com")))
    transmitter.wait(lambda: transmitter.errors)
    assert transmitter.errors[forged]["err"] == "invalid_key"
    assert code(gateway, token) == ""

    id = transmitter.offer(transmitter.make(subject=iss_sub(gateway.issuer.url, "casey@example.com")))
    at = time.monotonic()
    assert until_refused(gateway, token) - at < 1
    transmitter.wait(lambda: transmitter.acknowledged == [id])
    assert recorded(gateway, "event-refused") == [f"{transmitter.url}: key-unknown"]
    assert transmitter.push(console(gateway), transmitter.make()).json()["err"] == "authentication_failed"


def test_what_is_forged_replayed_or_not_for_us_is_refused_and_recorded(
    start: Callable[..., Gateway], transmitter: DemoTransmitter
) -> None:
    gateway = start()
    token, to = gateway.token(), console(gateway)

    def pushed(raw: str, bearer: str = PUSH_TOKEN, **headers: str) -> str:
        response = transmitter.push(to, raw, bearer, **headers)
        assert response.status_code == 400
        assert "dana" not in response.text
        return str(response.json()["err"])

    stranger = key_pair("RS256", "stranger")
    assert pushed(transmitter.make(pair=stranger)) == "invalid_key"
    assert pushed(transmitter.make(pair=stranger, header={"kid": "transmitter"})) == "invalid_key"
    assert pushed(transmitter.make(aud="weighlock")) == "invalid_audience"
    assert pushed(transmitter.make(iss="https://other.example")) == "invalid_issuer"
    assert pushed(transmitter.make(), "another token") == "authentication_failed"
    assert pushed(transmitter.make(), authorization="Bearer") == "authentication_failed"
    assert pushed(token) == "invalid_issuer"
    assert pushed(transmitter.make(header={"typ": "JWT"})) == "invalid_request"
    assert pushed(transmitter.make(subject={"format": "phone_number", "phone_number": "+1"})) == "invalid_request"
    assert code(gateway, token) == ""

    verification = transmitter.make(SSF + "verification", {"format": "opaque", "id": "stream"}, event={"state": "cw=="})
    assert transmitter.push(to, verification).status_code == 202
    event = transmitter.make()
    assert transmitter.push(to, event).status_code == 202
    until_refused(gateway, token)
    for row in json.loads(gateway.weighlock("cutoffs", "list", "--json").stdout):
        assert gateway.weighlock("cutoffs", "lift", str(row["id"])).returncode == 0
    while code(gateway, token):
        pass
    assert transmitter.push(to, event).status_code == 202
    assert json.loads(gateway.weighlock("cutoffs", "list", "--json").stdout) == []

    refused = recorded(gateway, "event-refused")
    assert sorted(message.rpartition(": ")[2] for message in refused) == sorted(
        [
            "key-unknown",
            "signature-invalid",
            "audience-wrong",
            "event-issuer",
            "event-issuer",
            "transmitter-unknown",
            "transmitter-unknown",
            "type-refused",
            "event-subject",
        ]
    )
    assert recorded(gateway, "event-repeated") == [f"{transmitter.url}: account-disabled"]
    assert len(recorded(gateway, "event-taken")) == 2
    assert "dana@" not in gateway.output


def test_an_issuer_that_transmits_too_signs_no_event_that_is_a_token_and_no_token_that_is_an_event(
    make: Make, issuer: DemoIssuer, transmitter: DemoTransmitter
) -> None:
    gateway = make(env=ENV)
    (gateway.rules / "identity" / "transmitters.yaml").write_text(
        f"transmitters:\n  - {{issuer: '{issuer.url}', jwks: '{issuer.jwks_url}', audience: '{RECEIVER}', "
        f"push: {{token: 'env:SSF_PUSH'}}}}\n"
    )
    gateway.start()
    gateway.wait_ready()
    says = {"events": {RISC + "account-disabled": {}}, "sub_id": email("dana@example.com")}
    both = {"project_id": 7, "actor_id": "42", "groups": ["ci"], **says}
    event_type = {"typ": "secevent+jwt"}

    # An event as a bearer token, however much it looks like one.
    for raw in (
        issuer.mint(headers=event_type, aud=RECEIVER, exp=None, sub=None, **says),
        issuer.mint(headers=event_type, **both),
        issuer.mint(**both),
    ):
        assert code(gateway, raw) in ("type-refused", "token-is-event")
    # A token as an event, however much it looks like one.
    for raw in (
        gateway.token(),
        issuer.mint(aud=RECEIVER, **both),
        issuer.mint(aud=RECEIVER, exp=None, sub=None, **says),
        issuer.mint(headers=event_type, aud=RECEIVER, **both),
        issuer.mint(headers=event_type, exp=None, sub=None, **says),
    ):
        response = transmitter.push(console(gateway), raw)
        assert response.status_code == 400
        assert response.json()["err"] in ("invalid_request", "invalid_audience")
    assert code(gateway, gateway.token()) == ""

    good = issuer.mint(headers=event_type, aud=RECEIVER, exp=None, sub=None, **says)
    assert transmitter.push(console(gateway), good).status_code == 202
    until_refused(gateway, gateway.token())
