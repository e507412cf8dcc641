"""10,000 recorded exchanges judged again by a draft, from the clear part of a ledger, beside only reading them."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import Figure, Goal, figure

from builders import a_call, a_finding, a_principal
from ledgers import an_exchange, ledger_file
from weighlock.adapters import rulebook
from weighlock.adapters.journal import policy_draft
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.cli.rejudged import in_force
from weighlock.cli.since import entries_from
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.masking.operators import OPERATORS
from weighlock.model import Direction
from weighlock.policy.decide import decide
from weighlock.replay.rejudge import Version, judged, rejudge

EXCHANGES, RUNS = 10_000, 3
GOAL = Goal(500)


def recorded(rules: rulebook.Rules) -> Iterator[tuple[Kind, dict[str, object], dict[str, bytes]]]:
    """The shipped policy's verdicts on requests and replies with up to six findings of its own kinds."""
    chance = random.Random(6)
    kinds = [(rule.id, rule.entity, rule.level, rule.score, frozenset(rule.tags)) for rule in rules.detect.rules]
    yield Kind.CONTROL, policy_draft(rules).body, {}
    for number in range(EXCHANGES):
        found = [
            a_finding(entity, start=9 * n, end=9 * n + 5, rule=rule, level=level, score=score, tags=tags)
            for n, (rule, entity, level, score, tags) in enumerate(chance.choices(kinds, k=chance.randint(0, 6)))
        ]
        principal, call = a_principal(workload=f"pipeline-{number % 60}"), a_call(size=chance.randint(100, 200_000))
        exchange = an_exchange(id=f"{number:032x}", principal=principal, call=call, findings=tuple(found))
        exchange.verdict = decide(rules.policy, principal, call, found, Direction.REQUEST)
        yield Kind.REQUEST, entry.request_body(exchange), {}
        verdict = decide(rules.policy, principal, call, found[:2], Direction.RESPONSE)
        reply = entry.response_body(exchange, status=200, findings=found[:2], verdict=verdict, refused=None)
        yield Kind.RESPONSE, reply, {}


def run(progress: Callable[[str], None]) -> list[Figure]:
    rules = rulebook.compiled(rulebook.read(rulebook.shipped()), OPERATORS)
    ours, reading = [], []
    with tempfile.TemporaryDirectory() as folder:
        progress(f"recording {EXCHANGES} exchanges")
        ledger_file(Path(folder), list(recorded(rules)))
        path = Path(folder) / NAME
        for turn in range(RUNS):
            progress(f"{EXCHANGES} exchanges judged again, round {turn + 1} of {RUNS}")
            ours.append(EXCHANGES / _seconds(lambda: _judge(path, rules)))
            reading.append(EXCHANGES / _seconds(lambda: _read(path)))
    return [figure("recorded exchanges judged again, beside reading them", "1/s", ours, reading, GOAL)]


def _judge(path: Path, rules: rulebook.Rules) -> None:
    draft = Version(rules.policy, rules.detect.digest)
    with entries_from("", path) as (_, entries):
        report = rejudge(judged(entries), draft, in_force(path), lambda _: None)
    if report.verdicts != 2 * EXCHANGES or report.changed or report.unlike or report.unjudged.total():
        raise RuntimeError("not judged as they were")


def _read(path: Path) -> None:
    with entries_from("", path) as (_, entries):
        for _entry in entries:
            pass


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
