from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_principal
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Finding
from weighlock.policy.condition import TOOLS, Given, Unevaluable, read
from weighlock.policy.decide import acts_on, decide, restores
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, Statement

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)
NEVER, ALWAYS = read("1 > 2"), read("1 < 2")
BROKEN = read("principal.claims.missing == 'x'")


def a_policy(*statements: Statement, uncovered: Action = Action.ALLOW) -> Policy:
    return Policy((ALLOW, *statements), uncovered, None, {name: n for n, name in enumerate(OPERATORS)}, "d")


def held(source: str, *findings: Finding, call: dict[str, Any] | None = None, **principal: Any) -> bool:
    return read(source).holds(Given(a_principal(**principal), a_call("hello", **(call or {})), findings))


HOLDS = {
    "principal.workload == 'nightly' && 'ci' in principal.groups": True,
    "principal.issuer.startsWith('https://issuer') && principal.owner != 'dana'": False,
    "has(principal.claims.event) && principal.claims.event == 'schedule'": True,
    "principal.claims.run.id == 7": True,
    "has(principal.claims.nope)": False,
    "principal.claims['event'].matches('^sched')": True,
    "call.size > 4 && call.size < 6 && !call.stream": True,
    "call.model in ['small', 'large'] && call.dialect == 'openai'": True,
    "call.tools.exists(tool, tool.startsWith('sh'))": True,
    "size(call.tools) == 2": True,
    "findings.count > 2": True,
    "findings.entities['EMAIL_ADDRESS'] == 3": True,
    "findings.distinct['EMAIL_ADDRESS'] == 2": True,
    "'secret' in findings.tags": False,
    "call.operation == 'a.b(principal.nope)'": False,
}


@pytest.mark.parametrize("source", HOLDS)
def test_a_condition_knows_who_asks_what_of_and_what_was_found(source: str) -> None:
    found = [a_finding(start=n, fingerprint=f"{n // 2}") for n in range(3)]
    claims = {"event": "schedule", "run": {"id": 7}}

    assert held(source, *found, call={"tools": ("shell", "sql")}, claims=claims) is HOLDS[source]


WRONG = {
    "": "not CEL",
    "call.size >": "character 12",
    "call.siz > 3": "there is no call.siz",
    "principal.name == 'x'": "there are issuer",
    "request.size > 3": "'request' is not known",
    "now() > 3": "there is no function 'now'",
    "call.model.lowerAscii() == 'x'": "there is no function 'lowerAscii'",
    "call.size": "says int",
    "'yes'": "says str",
    "call.size + 'a' == 'b'": "cannot be evaluated",
    "call.model.matches('(')": "cannot be evaluated",
    "call.size / findings.count > 3": "cannot be evaluated",
    "call.tools.all(a, call.tools.exists(b, a == b))": "at most",
    "1 == 1 " + "&& 1 == 1" * 200: "at most 1000",
    "(" * 400 + "1 == 1" + ")" * 400: "not CEL",
}


@pytest.mark.parametrize("source", WRONG, ids=[source[:40] or "empty" for source in WRONG])
def test_what_is_wrong_with_a_condition_is_told_when_it_is_read(source: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(source)

    assert WRONG[source] in str(caught.value)


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("principal.claims.missing == 'x'", {}),
        ("call.tools.exists(tool, tool == 'x')", {"tools": None}),
        ("call.tools.exists(tool, tool == 'x')", {"tools": tuple(map(str, range(TOOLS + 1)))}),
        ("call.size * 5000000000 > 1", {"size": 1 << 40}),
        ("principal.claims.event", {}),
    ],
)
def test_what_cannot_be_evaluated_is_no_answer(source: str, call: dict[str, Any]) -> None:
    with pytest.raises(Unevaluable):
        held(source, call=call, claims={"event": "schedule"})


@given(st.text(max_size=40) | st.from_regex(r"(call|findings|principal)\.[a-z]{1,5} [<>=&|]{1,2} [0-9a-z'.]{1,9}"))
def test_whatever_stands_there_is_a_condition_or_an_error_that_says_so(source: str) -> None:
    with contextlib.suppress(ValueError, Unevaluable):
        assert read(source).holds(Given(a_principal(), a_call("x"), ())) in (True, False)


# -- in a statement ----------------------------------------------------------------------------------------------------

effects = st.sampled_from(Action)
matches = st.sampled_from([None, FindingMatch(), FindingMatch(count=2)])


@given(effects, matches, st.sampled_from(Direction), st.integers(0, 2))
def test_what_cannot_be_evaluated_tightens_and_never_loosens(
    effect: Action, match: FindingMatch | None, direction: Direction, count: int
) -> None:
    found = [a_finding(start=n) for n in range(count)]
    statement = Statement("s", effect, BOTH, findings=match, when=BROKEN)

    def judged(one: Statement) -> Action:
        return decide(a_policy(one), a_principal(), a_call("x"), found, direction).action

    assert judged(statement) >= max(judged(replace(statement, when=None)), judged(replace(statement, when=NEVER)))
    assert judged(statement) in (Action.BLOCK, judged(replace(statement, findings=FindingMatch(count=9))))
    assert judged(replace(statement, mode=Mode.SHADOW)) is Action.ALLOW


def test_a_condition_is_one_more_thing_that_must_hold() -> None:
    block = Statement("block", Action.BLOCK, BOTH, calls=CallMatch(models=frozenset({"small"})), when=ALWAYS)

    def judged(one: Statement, **call: Any) -> Action:
        return decide(a_policy(one), a_principal(), a_call("x", **call), (), Direction.REQUEST).action

    assert judged(block) is Action.BLOCK
    assert judged(block, model="large") is Action.ALLOW
    assert judged(replace(block, when=NEVER)) is Action.ALLOW


def test_an_allow_that_cannot_be_evaluated_allows_nothing() -> None:
    only = Policy((replace(ALLOW, when=BROKEN),), Action.ALLOW, None, {}, "d")
    verdict = decide(only, a_principal(), a_call("x"), (), Direction.REQUEST)

    assert (verdict.action, verdict.because) == (Action.BLOCK, ("allow", "no-allow"))


@pytest.mark.parametrize(("when", "seen"), [(ALWAYS, 1), (NEVER, 0), (BROKEN, 0)], ids=["yes", "no", "broken"])
def test_originals_are_seen_where_the_condition_holds(when: Any, seen: int) -> None:
    sees = Statement("s", Action.ALLOW, BOTH, findings=FindingMatch(), restore=True, when=when)

    assert len(restores(a_policy(sees), a_principal(), a_call("x"))) == seen


@pytest.mark.parametrize(
    ("when", "looked_for"),
    [(ALWAYS, True), (NEVER, False), (BROKEN, True), (read("findings.count > 5"), True)],
    ids=["yes", "no", "broken", "counts"],
)
def test_what_a_condition_may_ask_of_a_reply_is_looked_for(when: Any, looked_for: bool) -> None:
    block = Statement("block", Action.BLOCK, BOTH, findings=FindingMatch(), when=when)

    assert acts_on(a_policy(block), a_principal(), a_call("x"), a_finding()) is looked_for


@pytest.mark.parametrize(
    ("tools", "effect", "matches"),
    [
        (("shell", "sql"), Action.BLOCK, True),
        (("sql",), Action.BLOCK, False),
        ((), Action.BLOCK, False),
        (None, Action.BLOCK, True),
        (None, Action.HOLD, True),
        (None, Action.ALLOW, False),
        (("shell",), Action.ALLOW, True),
    ],
)
def test_tools_that_nobody_can_tell_count_against_the_call(
    tools: tuple[str, ...] | None, effect: Action, matches: bool
) -> None:
    statement = Statement("s", effect, BOTH, calls=CallMatch(tools=frozenset({"shell"})))
    verdict = decide(a_policy(statement), a_principal(), a_call("x", tools=tools), (), Direction.REQUEST)

    assert ("s" in verdict.matched) is matches
