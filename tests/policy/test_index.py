"""The index leaves out what cannot match, and nothing else: a verdict is the same as when every statement is asked."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_principal
from held import some_terms
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, OperatorSpec
from weighlock.policy import condition, decide
from weighlock.policy.counting import Over, Scope
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement

NAMES = ["a", "b", "c"]
ENTITIES = ["A", "B"]
TAGS = ["s", "t"]
CONDITIONS = [condition.read(text) for text in ("call.size > 5", "findings.count > 1", "principal.claims.x == 'y'")]


def some(names: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), max_size=2)


one = st.sampled_from(NAMES)
found_match = st.builds(FindingMatch, entities=some(ENTITIES), tags=some(TAGS), count=st.integers(1, 2))
statements = st.builds(
    lambda effect, found, **given: Statement(
        effect=effect,
        findings=found,
        operator=OperatorSpec("redact") if effect is Action.MASK else None,
        terms=some_terms("g") if effect is Action.HOLD else None,
        **given,
    ),
    effect=st.sampled_from(Action),
    found=st.none() | found_match,
    id=st.uuids().map(str),
    directions=st.sampled_from([frozenset(Direction), *(frozenset({one}) for one in Direction)]),
    principals=st.builds(
        PrincipalMatch, issuers=some(NAMES), workloads=some(NAMES), owners=some(NAMES), groups=some(NAMES)
    ),
    calls=st.builds(
        CallMatch, destinations=some(NAMES), dialects=some(NAMES), operations=some(NAMES), models=some(NAMES)
    ),
    when=st.none() | st.sampled_from(CONDITIONS),
    over=st.sampled_from([None, Over(Scope.WORKLOAD, 3600, {"requests": 1})]),
    mode=st.sampled_from(Mode),
)
principals = st.builds(a_principal, issuer=one, workload=one, owner=one, groups=some(NAMES))
calls = st.builds(a_call, destination=one, dialect=one, operation=one, model=one, size=st.integers(0, 10))
findings = st.lists(
    st.builds(a_finding, st.sampled_from(ENTITIES), start=st.integers(0, 9), tags=some(TAGS)), max_size=4
)
policies = st.builds(
    Policy,
    st.lists(statements, max_size=8).map(tuple),
    st.sampled_from([Action.ALLOW, Action.BLOCK]),
    st.just(frozenset()),
    st.just({name: rank for rank, name in enumerate(OPERATORS)}),
)
everything = mock.patch.object(decide, "_asked", lambda policy, *_: policy.statements)


@given(policies, principals, calls, findings, st.sampled_from(Direction), st.none() | st.just({"workload 1h": {}}))
def test_a_verdict_is_the_same_with_and_without_it(
    policy: Policy, principal: Any, call: Any, found: Any, direction: Direction, counts: Any
) -> None:
    asked: Any = (policy, principal, call, found, direction, counts)
    indexed = decide.decide(*asked)
    with everything:
        assert decide.decide(*asked) == indexed


@given(policies, principals, calls, findings.filter(bool))
def test_what_acts_on_a_finding_is_the_same_with_and_without_it(
    policy: Policy, principal: Any, call: Any, found: Any
) -> None:
    indexed = decide.acts_on(policy, principal, call, found[0])
    with everything:
        assert decide.acts_on(policy, principal, call, found[0]) == indexed


def test_of_many_statements_those_that_name_others_are_left_out() -> None:
    named = [
        Statement(name, Action.BLOCK, frozenset(Direction), PrincipalMatch(workloads=frozenset({name})))
        for name in NAMES
    ]
    free = Statement("free", Action.ALLOW, frozenset({Direction.REQUEST}))
    policy = Policy((*named, free), Action.BLOCK, None, {})

    def asked(direction: Direction) -> list[str]:
        return [s.id for s in policy.index.candidates(a_principal(workload="b"), a_call(), (), direction)]

    assert asked(Direction.REQUEST) == ["b", "free"]
    assert asked(Direction.RESPONSE) == ["b"]
