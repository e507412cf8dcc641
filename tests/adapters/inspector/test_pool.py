"""Inspectors that die or stall under load: what they held is refused, and never passed as clean."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest

from weighlock import rulefile
from weighlock.adapters.inspector.pool import Pool
from weighlock.detection.rules import RuleSet, rule_set
from weighlock.errors import Unavailable
from weighlock.model import Role, Text

pytestmark = pytest.mark.slow

RULE = """
id: order-number
title: Order number
level: high
entity: ORDER
tags: [pii]
pattern: 'ORD-[0-9]{6}'
score: 0.9
match: ['ORD-123456']
clear: ['ORD-1']
"""


def order_rules() -> RuleSet:
    return rule_set({"detect/business/order-number.yaml": rulefile.parse(RULE, "order-number.yaml")})


def letter(number: int, lines: int = 200) -> str:
    """Some 100 bytes for each of *lines*, with an order number that stands in no other one."""
    return "".join(
        f"We looked again at ORD-{number:02}{line:04}, and nothing that was said of it has changed since then.\n"
        for line in range(lines)
    )


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(2, 20.0, bytes(32), 1 << 22, "none")
    await pool.start()
    yield pool
    await pool.close()


def strike(pool: Pool, blow: signal.Signals) -> int:
    """How many inspectors were there to be struck."""
    struck = 0
    for worker in pool._workers:
        with contextlib.suppress(ProcessLookupError):
            if worker.pid:
                os.kill(worker.pid, blow)
                struck += 1
    return struck


async def outcome(pool: Pool, number: int, lines: int = 200) -> str | set[str]:
    text = letter(number, lines)
    try:
        found = await pool.inspect([Text("/x", Role.CONTENT, text)], order_rules())
    except Unavailable as refused:
        return refused.code
    return {text[finding.start : finding.end] for finding in found}


def orders(number: int, lines: int = 200) -> set[str]:
    return {f"ORD-{number:02}{line:04}" for line in range(lines)}


async def test_every_text_is_inspected_whole_or_refused_while_inspectors_die(pool: Pool) -> None:
    calls = [asyncio.create_task(outcome(pool, number)) for number in range(24)]
    struck = 0
    while not all(call.done() for call in calls):
        struck += strike(pool, signal.SIGKILL) if struck < 6 else 0
        await asyncio.wait(calls, timeout=0.2)
    outcomes = [call.result() for call in calls]

    assert all(result in ("inspector-died", orders(number)) for number, result in enumerate(outcomes))
    assert "inspector-died" in outcomes
    assert await outcome(pool, 77) == orders(77)


async def test_an_inspector_that_stalls_is_replaced_and_what_it_held_refused() -> None:
    pool = Pool(1, 0.5, bytes(32), 1 << 22, "none")
    await pool.start()
    try:
        stalled = pool._workers[0].pid
        assert stalled
        os.kill(stalled, signal.SIGSTOP)

        assert await outcome(pool, 1) == "inspection-timeout"
        while (result := await outcome(pool, 2)) == "inspection-timeout":
            pass  # it is still starting
        assert result == orders(2)
    finally:
        await pool.close()


async def test_a_refused_text_is_not_remembered_as_clean(pool: Pool) -> None:
    call = asyncio.create_task(outcome(pool, 5))
    while not call.done():
        strike(pool, signal.SIGKILL)
        await asyncio.wait([call], timeout=0.05)

    assert call.result() == "inspector-died"
    while (again := await outcome(pool, 5)) == "inspector-died":
        pass
    assert again == orders(5)


async def test_what_waits_is_bounded(pool: Pool) -> None:
    calls = [asyncio.create_task(outcome(pool, number % 50, 20)) for number in range(400)]
    outcomes = await asyncio.gather(*calls)

    assert "inspector-overloaded" in outcomes
    assert all(result in ("inspector-overloaded", orders(number % 50, 20)) for number, result in enumerate(outcomes))


async def test_other_rules_look_again_at_what_was_clean(pool: Pool) -> None:
    text = [Text("/x", Role.CONTENT, "Nothing but PO-42 stands here, and nobody minds.")]
    rules = order_rules()
    other = RULE.replace("ORD-[0-9]{6}", "PO-[0-9]{2}").replace("ORD-123456", "PO-12")

    assert await pool.inspect(text, rules) == ()
    changed = rule_set({"order-number.yaml": rulefile.parse(other, "order-number.yaml")})
    assert [finding.entity for finding in await pool.inspect(text, changed)] == ["ORDER"]
