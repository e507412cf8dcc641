from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from builders import a_call, a_finding, a_principal
from held import some_terms
from ledgers import NOON, an_exchange
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind, timestamp
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Finding, OperatorSpec
from weighlock.policy.counting import Over, Scope
from weighlock.policy.decide import decide
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement
from weighlock.replay.rejudge import Report, Version, judged, rejudge, watched

BOTH = frozenset(Direction)
ALLOW = Statement("allow", Action.ALLOW, BOTH)
MASK = Statement("mask", Action.MASK, BOTH, findings=FindingMatch(), operator=OperatorSpec("redact"))
STRICTNESS = {name: rank for rank, name in enumerate(OPERATORS)}
MAIL, SSN = a_finding(), a_finding("US_SSN", start=7, end=12, fingerprint="e" * 16)


def a_policy(*statements: Statement, digest: str = "in-force") -> Policy:
    return Policy((ALLOW, *statements), Action.ALLOW, None, STRICTNESS, digest)


def recorded(policy: Policy, *asked: Sequence[Finding], **given: Any) -> Iterator[Entry]:
    """An exchange a minute: what was found in each request; the reply repeats it."""
    principal, call = a_principal(**given.get("principal", {})), a_call("hello", **given.get("call", {}))
    for at, found in enumerate(asked):
        time = timestamp(NOON + 60 * at)
        exchange = an_exchange(id=f"{at:032x}", principal=principal, call=call, findings=tuple(found))
        exchange.verdict = decide(policy, principal, call, found, Direction.REQUEST)
        yield Entry(2 * at, time, Kind.REQUEST, entry.request_body(exchange))
        verdict = decide(policy, principal, call, found, Direction.RESPONSE)
        body = entry.response_body(exchange, status=200, findings=found, verdict=verdict, refused=None)
        yield Entry(2 * at + 1, time, Kind.RESPONSE, body)


def tried(entries: Iterator[Entry], in_force: Policy, draft: Policy, detect: str = "same", **given: Any) -> Report:
    versions = {in_force.digest: Version(in_force, "same")}
    return rejudge(judged(entries), Version(draft, detect), versions.get, lambda one: None, **given)


def test_what_a_draft_would_change_is_told_for_whom_and_how_often() -> None:
    old = a_policy()
    report = tried(recorded(old, [], [MAIL], [MAIL, SSN], [SSN]), old, a_policy(MASK))

    assert (report.verdicts, report.changed, report.unlike, report.unjudged.total()) == (8, 6, [], 0)
    changes = [(one.direction, one.now.action, one.now.operators, one.count) for one in report.changes.values()]
    both = {"EMAIL_ADDRESS": "redact", "US_SSN": "redact"}
    assert changes == [
        (direction, "mask", operators, 1)
        for operators in ({"EMAIL_ADDRESS": "redact"}, both, {"US_SSN": "redact"})
        for direction in ("request", "response")
    ]
    first = next(iter(report.changes.values()))
    assert (first.was.action, first.was.because, first.now.because) == ("allow", ("allow",), ("mask",))
    assert (dict(first.workloads), dict(first.owners)) == ({"nightly": 1}, {"dana": 1})
    assert (dict(first.entities), first.exchanges) == ({"EMAIL_ADDRESS": 1}, [f"{1:032x}"])


statements = st.lists(
    st.builds(
        Statement,
        id=st.sampled_from("abcdef"),
        effect=st.sampled_from([Action.ALLOW, Action.HOLD, Action.BLOCK]),
        directions=st.sampled_from([BOTH, frozenset({Direction.REQUEST})]),
        principals=st.sampled_from([PrincipalMatch(), PrincipalMatch(claims={"event": frozenset({"push"})})]),
        calls=st.sampled_from([CallMatch(), CallMatch(tools=frozenset({"search"})), CallMatch(min_size=4)]),
        findings=st.none()
        | st.builds(
            FindingMatch, entities=st.sampled_from([frozenset(), frozenset({"US_SSN"})]), count=st.integers(1, 2)
        ),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
exchanges = st.lists(st.lists(st.sampled_from([MAIL, SSN]), unique=True), min_size=1, max_size=4)
callers = st.fixed_dictionaries(
    {
        "principal": st.sampled_from([{}, {"claims": {"event": "push"}}]),
        "call": st.sampled_from([{}, {"tools": ("search",)}]),
    }
)


@given(statements, exchanges, callers)
def test_the_policy_that_was_in_force_changes_nothing(held: list[Statement], asked: Any, caller: Any) -> None:
    policy = a_policy(*held)
    report = tried(recorded(policy, *asked, **caller), policy, replace(policy, digest="draft"))

    assert report.verdicts == 2 * len(asked)
    assert (report.changed, report.unlike, report.unjudged.total()) == (0, [], 0)


@given(statements, statements, exchanges)
def test_another_statement_only_tightens(held: list[Statement], more: list[Statement], asked: Any) -> None:
    stricter = [replace(one, id=f"x{one.id}") for one in more if one.effect is not Action.ALLOW]
    policy = a_policy(*held)
    report = tried(recorded(policy, *asked), policy, a_policy(*held, *stricter))

    for change in report.changes.values():
        assert Action[change.now.action.upper()] > Action[change.was.action.upper()]


def test_what_cannot_be_judged_again_is_told_and_never_passes_for_unchanged() -> None:
    old, block = a_policy(), Statement("no", Action.BLOCK, BOTH)
    entries = list(recorded(old, [MAIL]))
    many = [structs.replace(one, body=one.body | {"entities": {"EMAIL_ADDRESS": 501}}) for one in entries]
    unknown = [structs.replace(one, body=one.body | {"claims_withheld": ["nested"]}) for one in entries]

    for report in (
        tried(iter(entries), old, a_policy(block), detect="other"),
        tried(iter(entries), replace(old, digest="another"), a_policy(block)),
        tried(iter(many), old, a_policy(block)),
        tried(iter(unknown), old, a_policy(block)),
    ):
        assert (report.verdicts, report.changed, report.unjudged.total()) == (2, 0, 2)


def test_a_verdict_that_its_own_policy_does_not_give_again_is_named() -> None:
    entries = list(recorded(a_policy(), [MAIL]))
    report = tried(iter(entries), a_policy(MASK), a_policy())

    assert (report.changed, report.unlike) == (0, [f"{0:032x}"] * 2)


def test_messages_of_a_socket_are_judged_with_those_before_them() -> None:
    many = Statement("many", Action.BLOCK, BOTH, findings=FindingMatch(count=2))
    old = a_policy()
    opened, reply = recorded(old, [])
    exchange = an_exchange(id=f"{0:032x}")
    sent = [
        Entry(at, opened.time, Kind.MESSAGE, entry.message_body(exchange, (found,), verdict, ()))
        for at, found in enumerate((MAIL, SSN))
        for verdict in [decide(old, a_principal(), a_call("hello"), (found,), Direction.REQUEST)]
    ]
    report = tried(iter([opened, *sent, reply]), old, a_policy(many))

    assert (report.verdicts, report.changed) == (4, 1)


def test_what_was_read_again_is_judged_by_what_is_found_now() -> None:
    old = a_policy()
    versions = {old.digest: Version(old, "old rules")}
    report = rejudge(
        judged(recorded(old, [])),
        Version(a_policy(MASK), "new rules"),
        versions.get,
        lambda one: replace(one, findings=(MAIL,)),
    )

    assert [(one.now.action, one.count) for one in report.changes.values()] == [("mask", 1)] * 2


@pytest.mark.parametrize(("limit", "changed"), [(0, 3), (1, 1), (2, 0)])
def test_a_limit_over_time_is_counted_from_the_record(limit: int, changed: int) -> None:
    over = Over(Scope.WORKLOAD, 3600, {"distinct EMAIL_ADDRESS": limit})
    slow = Statement("slow", Action.HOLD, frozenset({Direction.REQUEST}), over=over, terms=some_terms("leads"))
    other = replace(MAIL, fingerprint="0" * 16)
    old = a_policy()
    report = tried(recorded(old, [MAIL], [MAIL], [other]), old, a_policy(slow))

    assert (report.changed, report.unlike) == (changed, [])


def test_entries_before_the_time_are_counted_and_not_told() -> None:
    over = Over(Scope.WORKLOAD, 3600, {"requests": 1})
    slow = Statement("slow", Action.BLOCK, frozenset({Direction.REQUEST}), over=over)
    old = a_policy()
    report = tried(recorded(old, [], [], []), old, a_policy(slow), since=timestamp(NOON + 90))

    assert (report.verdicts, report.changed) == (2, 1)


def test_the_shadow_tells_what_it_would_have_changed() -> None:
    policy = a_policy(Statement("watch", Action.BLOCK, BOTH, findings=FindingMatch(), mode=Mode.SHADOW))
    report = watched(judged(recorded(policy, [], [MAIL])))

    assert report.verdicts == 4
    assert [(one.was.action, one.now.action, one.now.because) for one in report.changes.values()] == [
        ("allow", "block", ("watch",))
    ] * 2
