from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_principal
from ledgers import a_verdict, an_exchange
from weighlock.ledger import entry
from weighlock.model import Action, Direction, Level
from weighlock.policy.condition import read
from weighlock.policy.counting import DAY, Over, Scope
from weighlock.policy.explain import why_not
from weighlock.policy.record import recorded
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, PrincipalMatch, Statement

BOTH = frozenset(Direction)


def test_the_record_tells_who_asked_what_and_what_was_found() -> None:
    found = (a_finding(level=Level.HIGH), a_finding("US_SSN", tags=frozenset({"pii", "national-id"}), view="decoded"))
    body = entry.request_body(an_exchange(findings=found, verdict=a_verdict()))
    principal, call, findings = recorded(body, body)

    assert (principal.workload, principal.owner, principal.groups) == ("nightly", "dana", frozenset({"ci"}))
    assert (call.dialect, call.model, call.tools) == ("openai", "small", ())
    assert findings == found


def test_of_little_that_is_known_little_is_told() -> None:
    principal, call, findings = recorded({}, {})

    assert (principal.workload, call.model, findings) == ("", "", ())


REASONS: list[tuple[dict[str, Any], str]] = [
    ({"mode": Mode.OFF}, "it is off"),
    ({"restore": True}, "it says who sees originals, and decides nothing"),
    ({"directions": frozenset({Direction.RESPONSE})}, "it is about the response"),
    ({"principals": PrincipalMatch(workloads=frozenset("ab"))}, "the workload is nightly, not a or b"),
    ({"principals": PrincipalMatch(groups=frozenset("g"))}, "the principal is in ci, not in g"),
    ({"calls": CallMatch(models=frozenset({"large"}))}, "the model is small, not large"),
    ({"calls": CallMatch(min_size=6)}, "the body has 5 bytes, not 6 to any"),
    ({"calls": CallMatch(max_size=4)}, "the body has 5 bytes, not 0 to 4"),
    ({"calls": CallMatch(stream=True)}, "the call asks for no stream"),
    ({"findings": FindingMatch(tags=frozenset({"secret"}))}, "nothing that it speaks of was found"),
    ({"findings": FindingMatch(count=3)}, "2 of 3 findings that it speaks of"),
    ({"when": read("call.size > 9")}, "its condition did not hold"),
    (
        {"principals": PrincipalMatch(claims={"a": frozenset("b")}), "calls": CallMatch(tools=frozenset("t"))},
        "its claims or tools did not hold",
    ),
    ({}, "the record does not tell"),
]


@pytest.mark.parametrize(("statement", "why"), REASONS, ids=[why for _, why in REASONS])
def test_the_first_thing_that_was_otherwise_is_told(statement: dict[str, Any], why: str) -> None:
    one = Statement(**{"id": "s", "effect": Action.BLOCK, "directions": BOTH} | statement)

    assert why_not(one, a_principal(), a_call("hello"), (a_finding(), a_finding(start=9)), Direction.REQUEST) == why


def test_what_was_counted_is_told_where_it_was_not_over() -> None:
    over = Over(Scope.WORKLOAD, DAY, {"distinct EMAIL_ADDRESS": 50})
    one = Statement("s", Action.BLOCK, BOTH, over=over, when=read("call.size > 9"))
    asked = (one, a_principal(), a_call("hello"), (), Direction.REQUEST)

    told = why_not(*asked, {"workload 24h": {"distinct EMAIL_ADDRESS": 3}})
    assert told == "3 distinct EMAIL_ADDRESS (limit 50) of the workload within 24h"
    for counts in (None, {"workload 24h": {"distinct EMAIL_ADDRESS": 51}}):
        assert why_not(*asked, counts) == "its condition did not hold"


@given(st.sampled_from(REASONS), st.sampled_from(Direction))
def test_there_is_always_a_reason(reason: tuple[dict[str, Any], str], direction: Direction) -> None:
    one = Statement(**{"id": "s", "effect": Action.BLOCK, "directions": BOTH} | reason[0])

    assert why_not(one, *recorded({}, {}), direction)
