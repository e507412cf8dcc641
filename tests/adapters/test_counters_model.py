"""Counting against a model that remembers everything: whatever passes, is refused, or is under way when it crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from builders import a_principal
from weighlock.adapters.counters import Counters
from weighlock.adapters.stores.counters import CounterStore
from weighlock.model import Action, Direction
from weighlock.policy.counting import DAY, HOUR, MINUTE, Over, Scope, distinct
from weighlock.policy.statements import Policy, Statement
from weighlock.policy.tally import Amount

EMAIL = "EMAIL_ADDRESS"
WITHIN = (HOUR, 2 * DAY)
OVERS = [Over(scope, within, {distinct(EMAIL): 1, "bytes": 1}) for scope in Scope for within in WITHIN]
POLICY = Policy(
    tuple(Statement(f"s{n}", Action.BLOCK, frozenset(Direction), over=over) for n, over in enumerate(OVERS)),
    Action.ALLOW,
    frozenset(),
    {},
)
WHO = [a_principal(workload=workload, session=session) for workload in ("a", "b") for session in ("s", "t")]
exchanges = st.sampled_from(["e1", "e2", "e3"])


class Counting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = 100.0 * DAY
        self.passed: list[tuple[float, int, Amount]] = []
        """When, whose, what."""
        self.pending: dict[str, tuple[int, Amount]] = {}
        self.start()

    def start(self) -> None:
        self.store = CounterStore.open(self.folder)
        self.counters = Counters(self.store, lambda: self.now)

    @rule(
        exchange=exchanges,
        who=st.integers(0, 3),
        values=st.frozensets(st.sampled_from("abcdef"), max_size=3),
        size=st.integers(0, 9),
    )
    def judge(self, exchange: str, who: int, values: frozenset[str], size: int) -> None:
        who, before = self.pending.get(exchange, (who, Amount()))
        added = Amount(1, size, 0, {EMAIL: values})
        self.pending[exchange] = (who, before + added)
        counts = self.runner.run(
            self.counters.count(exchange, POLICY, WHO[who], partial(Amount.__add__, added, Amount()))
        )
        assert counts == self.runner.run(self.counters.read(POLICY, WHO[who]))

    @rule(exchange=exchanges)
    def let_pass(self, exchange: str) -> None:
        self.runner.run(self.counters.keep(exchange))
        if exchange in self.pending:
            self.passed.append((self.now, *self.pending.pop(exchange)))

    @rule(exchange=exchanges)
    def refuse(self, exchange: str) -> None:
        self.counters.drop(exchange)
        self.pending.pop(exchange, None)

    @rule(seconds=st.sampled_from([1, MINUTE, HOUR / 2, HOUR, DAY]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def forget(self) -> None:
        self.runner.run(self.counters.prune(POLICY))

    @rule()
    def crash(self) -> None:
        """Without a word: what was not let through has not left."""
        self.store.close()
        self.pending.clear()
        self.start()

    @invariant()
    def it_counts_what_the_model_counts(self) -> None:
        for who in WHO:
            counts = self.runner.run(self.counters.read(POLICY, who))
            for over in OVERS:
                held, width = counts[over.window], MINUTE if over.within <= DAY else HOUR
                least, most = (self.expected(over, who.workload, who.session, more) for more in (0, width))
                assert held[distinct(EMAIL)] == least[0]
                assert least[1] <= held["bytes"] <= most[1]

    def expected(self, over: Over, workload: str, session: str, more: int) -> tuple[int, int]:
        """Different values, and bytes, in a window that is *more* seconds longer."""
        since = self.now - over.within - more
        own = [amount for at, who, amount in self.passed if at > since and self.same(over.of, who, workload, session)]
        own += [amount for who, amount in self.pending.values() if self.same(over.of, who, workload, session)]
        return len(set().union(*(amount.values[EMAIL] for amount in own))), sum(amount.bytes for amount in own)

    def same(self, scope: Scope, who: int, workload: str, session: str) -> bool:
        match scope:
            case Scope.WORKLOAD:
                return WHO[who].workload == workload
            case Scope.SESSION:
                return WHO[who].session == session
            case _:
                return True  # all are one subject of one issuer

    def teardown(self) -> None:
        self.store.close()
        self.runner.close()
        shutil.rmtree(self.folder)


Counting.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
test_it_counts_what_a_model_counts = Counting.TestCase
