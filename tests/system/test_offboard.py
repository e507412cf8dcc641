"""Somebody leaves: one command, and within a second nothing is done in their name."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import ask, chat, client, handle, until_refused
from demo.gateway import Gateway
from demo.model_host import ModelHost

Make = Callable[..., Gateway]
BULK = " ".join(f"person{n}@example.com" for n in range(12))
ACTIVITY = ("workload", "requests", "refused")


@pytest.fixture
def own(make: Make, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway before a host that answers a word at a time."""
    slow = ModelHost(tmp_path / "slow", gap=0.05)
    try:
        with make(host=slow, options={"weighlock_hold_for": "30s"}) as gateway:
            yield gateway
    finally:
        slow.stop()


def offboard(gateway: Gateway, person: str) -> tuple[dict[str, Any], float]:
    """What the command says, and when it returned."""
    done = gateway.weighlock("offboard", person, "--reason", "contract ended", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), time.monotonic()


def streaming(gateway: Gateway, started: Callable[[], None]) -> tuple[str, float]:
    """A long stream: what came of it, and when it ended."""
    body = chat("A word at a time. " * 500, stream=True)
    with client(gateway) as http, http.stream("POST", f"{gateway.url}/chat/completions", json=body) as response:
        lines, text = response.iter_lines(), ""
        next(lines)
        started()
        with contextlib.suppress(httpx.RemoteProtocolError):
            for line in lines:
                text += line
    return text, time.monotonic()


@pytest.mark.parametrize("name", ["dana", "Dana@Example.com"])
def test_offboarding_beats_stream_hold_session_and_next_request_within_a_second(own: Gateway, name: str) -> None:
    token, session = own.token(), handle(own)
    assert ask(own, "hello", session).status_code == 200
    with ThreadPoolExecutor(2) as pool:
        seen: list[str] = []
        stream = pool.submit(streaming, own, lambda: seen.append("stream"))
        held = pool.submit(lambda: (ask(own, BULK, token), time.monotonic()))
        approvals = {"WEIGHLOCK_TOKEN": own.approver()}
        while not seen or own.weighlock("approvals", "list", "--json", env=approvals).stdout.strip() == "[]":
            pass

        report, at = offboard(own, name)
        (text, stopped), (answer, let_go) = stream.result(60), held.result(60)

    by_token, by_session = until_refused(own, token), until_refused(own, session)

    assert (by_token[1], by_session[1]) == ("cut-off", "cut-off")
    assert max(stopped, let_go, by_token[0], by_session[0]) < at + 1
    assert "cut-off" in text
    assert "[DONE]" not in text
    assert answer.json()["error"]["code"] == "cut-off"
    assert [(cut["claim"], cut["value"]) for cut in report["cutoffs"]] == [
        ("person", "dana"),
        ("email", "dana@example.com"),
    ]
    assert [workload["workload"] for workload in report["workloads"]] == ["nightly"]
    ((workload, requests, refused),) = [tuple(row[name] for name in ACTIVITY) for row in report["activity"]]
    assert (workload, requests - refused) == ("nightly", 2)  # what is cut off may be refused while the report is made


def test_a_person_who_starts_runs_of_others_is_cut_off_by_their_account(make: Make) -> None:
    with make() as gateway:
        mine, others = gateway.token(actor_id="1047"), gateway.token(actor_id="42")
        assert ask(gateway, "hello", mine).status_code == 200
        report, at = offboard(gateway, "casey")
        last, code = until_refused(gateway, mine)

        assert (code, last < at + 1) == ("cut-off", True)
        assert [workload["workload"] for workload in report["workloads"]] == ["export"]
        assert [tuple(row[name] for name in ACTIVITY) for row in report["activity"]] == [("nightly", 1, 0)]
        assert ask(gateway, "hello", others).status_code == 200
        # Asked again, it adds nothing, and the refusals are counted.
        again, _ = offboard(gateway, "casey")
        assert again["cutoffs"] == report["cutoffs"]
        assert again["activity"][0]["refused"] == 1


def test_a_day_of_departure_in_the_people_file_ends_what_is_under_way(own: Gateway) -> None:
    people = own.rules / "identity" / "people.yaml"
    today = datetime.now(UTC).date()
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        stream = pool.submit(streaming, own, begun.set)
        assert begun.wait(30)
        people.write_text(people.read_text().replace("[dana@example.com]", f"[dana@example.com], departed: {today}"))
        text, _ = stream.result(60)

    assert "workload-orphaned" in text
    assert "[DONE]" not in text
    assert ask(own, "hello").json()["error"]["code"] == "workload-orphaned"


def test_what_is_told_teaches_the_next_step(make: Make) -> None:
    with make() as gateway:
        done = gateway.weighlock("offboard", "dana", "--reason", "left")
        assert done.returncode == 0
        assert "dana is cut off" in done.stdout
        assert "nightly" in done.stdout
        assert "`departed: " in done.stdout
        unknown = gateway.weighlock("offboard", "nobody@example.com", "--reason", "left")
        assert unknown.returncode == 1
        assert "identity/people.yaml is nobody@example.com" in unknown.stderr
        # Rules that cannot be read elsewhere keep nobody from being cut off.
        (gateway.rules / "identity" / "workloads.yaml").write_text("workloads: broken\n")
        done = gateway.weighlock("offboard", "casey", "--reason", "left")
        assert done.returncode == 0
        assert "cannot be listed" in done.stderr


def test_a_key_that_was_cut_off_is_refused_as_that_and_still_reported(make: Make) -> None:
    key = "sk-proj-" + "9f8E7d6C5b4A39281706F5e4D3c2B1a0"
    with make() as gateway, client(gateway, key) as http:

        def code() -> str:
            return str(http.post(f"{gateway.url}/chat/completions", json=chat("hello")).json()["error"]["code"])

        assert code() == "static-key"
        (line,) = json.loads(gateway.weighlock("report", "credentials", "--json").stdout)
        done = gateway.weighlock("cutoffs", "add", "key", line["fingerprint"], "--reason", "revoked at the vendor")
        assert done.returncode == 0
        while code() == "static-key":
            pass
        assert code() == "cut-off"
        (again,) = json.loads(gateway.weighlock("report", "credentials", "--json").stdout)
        assert again["requests"] > line["requests"]
