"""One record a night: no request by itself is much, and together they are held at the limit, also after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clients import ask, sdk
from demo.gateway import Gateway
from demo.model_host import ModelHost

SLOW = """
statements:
  - id: slow-leak
    effect: hold
    direction: request
    findings: {entities: [EMAIL_ADDRESS]}
    over: {of: workload, within: 24h, distinct: {EMAIL_ADDRESS: 3}}
    approvers: {groups: [security]}
    within: 1s
    reason: Addresses of many people, one after the other.
  - id: too-much-comes-back
    effect: block
    direction: response
    over: {of: session, within: 1h, distinct: {CREDIT_CARD: 0}}
"""


@pytest.fixture
def counting(make: Callable[..., Gateway]) -> Callable[[], Gateway]:
    def counting() -> Gateway:
        gateway = make()
        (gateway.rules / "policy" / "slow.yaml").write_text(SLOW)
        return gateway

    return counting


def leak(gateway: Gateway, *nights: int, **claims: Any) -> Any:
    addresses = " and ".join(f"person{night}@example.com" for night in nights)
    return ask(gateway, f"Write to {addresses}.", gateway.token(**claims))


def test_a_slow_leak_is_held_at_the_limit_whatever_happens_to_the_gateway(
    counting: Callable[[], Gateway], host: ModelHost
) -> None:
    with counting() as first:
        assert [leak(first, night).status_code for night in (1, 2, 2)] == [200] * 3
        assert first.process is not None
        first.process.kill()
        first.process.wait()

    with counting() as second:
        assert leak(second, 3).status_code == 200
        seen = len(host.received)
        held = leak(second, 4)
        assert held.status_code == 403
        assert "[slow-leak]" in held.json()["error"]["message"]
        assert len(host.received) == seen
        # What did not pass is not counted: the same addresses pass again. Other workloads count for themselves.
        assert leak(second, 1, 2, 3).status_code == 200
        with ThreadPoolExecutor(8) as pool:  # at once, and none passes that would be the fourth
            codes = list(pool.map(lambda night: leak(second, night, project_id=9).status_code, range(8)))
        assert sorted(codes) == [200] * 3 + [403] * 5
        assert ask(second, "No address at all.").status_code == 200
        _told(second, held.headers["weighlock-exchange"])

        with sdk(second) as openai:
            stream = openai.chat.completions.create(
                model="demo", messages=[{"role": "user", "content": "leak a card"}], stream=True
            )
            with pytest.raises(Exception, match="CREDIT_CARD"):
                "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def _told(gateway: Gateway, held: str) -> None:
    """The record, as it is explained, and the list say what was counted."""
    explained = gateway.weighlock("policy", "explain", held).stdout
    assert "decided   slow-leak: hold; 4 distinct EMAIL_ADDRESS (limit 3) of the workload within 24h" in explained
    counted = json.loads(gateway.weighlock("counters", "list", "--workload", "nightly", "--json").stdout)
    assert [(row["key"], row["requests"], row["distinct"]) for row in counted] == [("nightly", 6, {"EMAIL_ADDRESS": 3})]
