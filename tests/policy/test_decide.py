from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_principal
from held import some_terms
from weighlock.detection.material import TAGS
from weighlock.holds import Terms, Threshold, Way
from weighlock.masking.operators import OPERATORS
from weighlock.model import SPOKEN, Action, Direction, Finding, Level, OperatorSpec, Verdict
from weighlock.policy.counting import DAY, Counts, Over, Scope
from weighlock.policy.decide import NO_ALLOW, UNCOVERED, acts_on, alone, decide, restores
from weighlock.policy.statements import MATERIAL, CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement
from weighlock.stages.stage import filled

BOTH = frozenset(Direction)
OUTWARD = frozenset({Direction.REQUEST})
STRICTNESS = {name: rank for rank, name in enumerate(OPERATORS)}
ALLOW = Statement("allow", Action.ALLOW, BOTH)
TERMS = some_terms("leads")


def a_policy(*statements: Statement, uncovered: Action = Action.BLOCK, terms: Terms | None = None) -> Policy:
    return Policy(statements, uncovered, terms, STRICTNESS, "d")


def judged(
    policy: Policy,
    *findings: Finding,
    direction: Direction = Direction.REQUEST,
    counts: Counts | None = None,
    **given: Any,
) -> Verdict:
    principal = a_principal(**given.get("principal", {}))
    return decide(policy, principal, a_call("hello", **given.get("call", {})), findings, direction, counts)


def a_hold(id: str = "hold", *groups: str, **given: Any) -> Statement:
    terms = {name: given.pop(name) for name in ("need", *Terms.__slots__) if name in given}
    return Statement(id, Action.HOLD, BOTH, terms=some_terms(*groups, **terms), **given)


def a_mask(id: str, operator: str, **match: Any) -> Statement:
    return Statement(id, Action.MASK, BOTH, findings=FindingMatch(**match), operator=OperatorSpec(operator))


# -- laws --------------------------------------------------------------------------------------------------------------

ids = st.sampled_from(["a", "b", "c", "d", "e", "uncovered", "no-allow"])
matches = st.none() | st.builds(
    FindingMatch,
    entities=st.frozensets(st.sampled_from(["EMAIL_ADDRESS", "US_SSN"]), max_size=2),
    tags=st.frozensets(st.sampled_from(["pii", "secret"]), max_size=1),
    level=st.sampled_from(Level),
    score=st.sampled_from([0.0, 0.5, 0.95]),
    count=st.integers(1, 3),
    labels=st.sampled_from([frozenset(), frozenset(), frozenset({"payments"})]),
)
overs = st.none() | st.builds(
    Over,
    of=st.sampled_from(Scope),
    within=st.just(DAY),
    limits=st.dictionaries(st.sampled_from(["requests", "distinct EMAIL_ADDRESS"]), st.integers(0, 3), min_size=1),
)
known_counts: st.SearchStrategy[Counts] = st.fixed_dictionaries(
    {
        f"{scope} 24h": st.fixed_dictionaries(dict.fromkeys(["requests", "distinct EMAIL_ADDRESS"], st.integers(0, 4)))
        for scope in Scope
    }
)
any_counts: st.SearchStrategy[Counts | None] = (
    st.none() | known_counts | st.just({}) | st.just({"workload 24h": {"requests": 1}})
)
watching = st.sampled_from([Mode.SHADOW, Mode.OFF])
held = st.builds(
    Terms,
    quorums=st.builds(Threshold, st.frozensets(st.sampled_from(["leads", "legal"]), min_size=1), st.integers(1, 2)).map(
        lambda threshold: ((threshold,),)
    ),
    within=st.sampled_from([60.0, 90.0]),
    use_within=st.sampled_from([60.0, 90.0]),
    way=st.sampled_from(Way),
    needs_reason=st.booleans(),
    break_glass=st.frozensets(st.sampled_from(["oncall", "leads"])),
)


@st.composite
def statements(draw: st.DrawFn, *effects: Action) -> Statement:
    effect = draw(st.sampled_from(effects or tuple(Action)))
    match = draw(matches)
    if effect is Action.MASK:
        match = match or FindingMatch()
    return Statement(
        id=draw(ids),
        effect=effect,
        directions=draw(st.sampled_from([BOTH, frozenset({Direction.REQUEST}), frozenset({Direction.RESPONSE})])),
        principals=draw(
            st.sampled_from(
                [
                    PrincipalMatch(),
                    PrincipalMatch(workloads=frozenset({"other"})),
                    PrincipalMatch(claims={"event": frozenset({"schedule"})}),
                ]
            )
        ),
        calls=draw(
            st.sampled_from(
                [
                    CallMatch(),
                    CallMatch(min_size=3),
                    CallMatch(max_size=3),
                    CallMatch(stream=True),
                    CallMatch(models=frozenset({"large"})),
                ]
            )
        ),
        findings=match,
        operator=OperatorSpec(draw(st.sampled_from(list(OPERATORS)))) if effect is Action.MASK else None,
        terms=draw(held) if effect is Action.HOLD else None,
        reason=draw(st.sampled_from(["", "Because."])),
        over=draw(overs),
    )


many_findings = st.lists(
    st.builds(
        a_finding,
        st.sampled_from(["EMAIL_ADDRESS", "US_SSN", "PERSON"]),
        start=st.integers(0, 3),
        level=st.sampled_from(Level),
        score=st.sampled_from([0.3, 0.9]),
        tags=st.sampled_from([frozenset({"pii"}), frozenset({"secret"})]),
    ),
    max_size=5,
)
uncovered_actions = st.sampled_from([Action.ALLOW, Action.HOLD, Action.BLOCK])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    listed = draw(st.lists(statements(), min_size=1, max_size=5, unique_by=lambda s: s.id))
    uncovered = draw(uncovered_actions)
    return a_policy(*listed, uncovered=uncovered, terms=TERMS if uncovered is Action.HOLD else None)


@given(policies(), many_findings, st.sampled_from(Direction), any_counts, st.data())
def test_the_order_of_statements_and_findings_makes_no_difference(
    policy: Policy, findings: list[Finding], direction: Direction, counts: Counts | None, data: st.DataObject
) -> None:
    shuffled = replace(policy, statements=tuple(data.draw(st.permutations(policy.statements))))
    others = data.draw(st.permutations(findings))

    one, other = ((policy, findings), (shuffled, others))
    assert judged(one[0], *one[1], direction=direction, counts=counts) == judged(
        other[0], *other[1], direction=direction, counts=counts
    )


@given(policies(), many_findings, st.sampled_from(Direction), any_counts, statements(Action.HOLD, Action.BLOCK))
def test_another_block_or_hold_never_loosens(
    policy: Policy, findings: list[Finding], direction: Direction, counts: Counts | None, more: Statement
) -> None:
    # An uncovered finding may become covered by being spoken of: that is what a statement about findings is for.
    policy = replace(policy, uncovered=Action.ALLOW)
    more = replace(more, id=f"z-{more.id}")
    before = judged(policy, *findings, direction=direction, counts=counts)
    after = judged(
        replace(policy, statements=(*policy.statements, more)), *findings, direction=direction, counts=counts
    )

    assert after.action >= before.action
    assert after.operators == before.operators
    if before.action is after.action is Action.HOLD:
        old, new = filled(before.terms), filled(after.terms)
        assert set(old.quorums) <= set(new.quorums)
        assert new.within <= old.within
        assert new.use_within <= old.use_within
        assert new.break_glass <= old.break_glass
        assert new.needs_reason >= old.needs_reason


@given(policies(), many_findings, st.sampled_from(Direction), any_counts)
def test_the_verdict_is_never_looser_than_any_statement_that_fires_alone(
    policy: Policy, findings: list[Finding], direction: Direction, counts: Counts | None
) -> None:
    verdict = judged(policy, *findings, direction=direction, counts=counts)
    for statement in policy.statements:
        alone = judged(
            a_policy(ALLOW, replace(statement, id="x"), uncovered=Action.ALLOW),
            *findings,
            direction=direction,
            counts=counts,
        )
        assert verdict.action >= alone.action


@given(policies(), many_findings, st.sampled_from(Direction), any_counts, st.lists(statements(), max_size=3), watching)
def test_what_only_watches_changes_nothing_and_says_what_it_would_have_done(
    policy: Policy,
    findings: list[Finding],
    direction: Direction,
    counts: Counts | None,
    more: list[Statement],
    mode: Mode,
) -> None:
    new = [replace(statement, id=f"z-{n}", mode=mode) for n, statement in enumerate(more)]
    before = judged(policy, *findings, direction=direction, counts=counts)
    after = judged(
        replace(policy, statements=(*policy.statements, *new)), *findings, direction=direction, counts=counts
    )
    enforced = tuple(replace(statement, mode=Mode.ENFORCE) for statement in new)
    trial = judged(
        replace(policy, statements=(*policy.statements, *enforced)), *findings, direction=direction, counts=counts
    )

    assert replace(after, shadow=(), would=None) == before
    shadow = tuple(id for id in trial.matched if id.startswith("z-")) if mode is Mode.SHADOW else ()
    assert (after.shadow, after.would) == (shadow, trial.action if shadow else None)


@given(policies(), many_findings, st.sampled_from(Direction))
def test_where_nothing_allows_the_call_it_is_blocked(
    policy: Policy, findings: list[Finding], direction: Direction
) -> None:
    strict = replace(policy, statements=tuple(s for s in policy.statements if s.effect is not Action.ALLOW))
    verdict = judged(strict, *findings, direction=direction)

    assert verdict.action is Action.BLOCK
    assert NO_ALLOW in verdict.because


@given(policies(), many_findings, st.sampled_from(Direction), known_counts, known_counts)
def test_the_more_was_counted_the_stricter_and_strictest_where_nobody_knows(
    policy: Policy,
    findings: list[Finding],
    direction: Direction,
    one: dict[str, dict[str, int]],
    other: dict[str, dict[str, int]],
) -> None:
    statements = tuple(replace(s, over=None) if s.effect is Action.ALLOW else s for s in policy.statements)
    policy = replace(policy, statements=statements)
    more = {window: {name: max(n, other[window][name]) for name, n in held.items()} for window, held in one.items()}
    less, much, unknown = (
        judged(policy, *findings, direction=direction, counts=counts) for counts in (one, more, None)
    )

    assert less.action <= much.action <= unknown.action


@given(policies(), many_findings)
def test_a_reply_is_never_held(policy: Policy, findings: list[Finding]) -> None:
    verdict = judged(policy, *findings, direction=Direction.RESPONSE)

    assert verdict.action is not Action.HOLD
    assert verdict.terms is None


# -- cases -------------------------------------------------------------------------------------------------------------


def test_an_allowed_call_without_findings_passes() -> None:
    assert judged(a_policy(ALLOW)) == Verdict(Action.ALLOW, ("allow",), {}, "d", matched=("allow",))


def test_an_empty_policy_blocks() -> None:
    verdict = judged(a_policy())

    assert (verdict.action, verdict.because) == (Action.BLOCK, (NO_ALLOW,))
    assert verdict.reason == "No statement allows this call."


def test_an_allow_for_findings_does_not_allow_the_call() -> None:
    only = Statement("places", Action.ALLOW, BOTH, findings=FindingMatch())

    assert judged(a_policy(only), a_finding()).because == (NO_ALLOW,)


def test_a_hold_of_a_request_is_a_block_of_a_reply() -> None:
    policy = a_policy(ALLOW, a_hold(within=60.0))

    asked = judged(policy)
    reply = judged(policy, direction=Direction.RESPONSE)
    assert (asked.action, asked.terms) == (Action.HOLD, some_terms(within=60.0))
    assert (reply.action, reply.because) == (Action.BLOCK, ("hold",))


@pytest.mark.parametrize("uncovered", [Action.ALLOW, Action.HOLD, Action.BLOCK])
def test_a_finding_that_no_statement_speaks_of_is_uncovered(uncovered: Action) -> None:
    verdict = judged(a_policy(ALLOW, uncovered=uncovered, terms=TERMS), a_finding())

    assert verdict.action is uncovered
    assert verdict.because == (("allow",) if uncovered is Action.ALLOW else (UNCOVERED,))
    assert verdict.terms == (TERMS if uncovered is Action.HOLD else None)


def test_a_statement_that_is_not_met_covers_nothing() -> None:
    many = Statement("many", Action.ALLOW, BOTH, findings=FindingMatch(count=3))
    elsewhere = replace(many, id="x", findings=FindingMatch(), principals=PrincipalMatch(owners=frozenset({"eve"})))

    assert judged(a_policy(ALLOW, many, elsewhere), a_finding(), a_finding(start=6)).because == (UNCOVERED,)


def test_a_count_is_reached_by_findings_and_not_by_entities() -> None:
    policy = a_policy(
        ALLOW, Statement("many", Action.BLOCK, BOTH, findings=FindingMatch(count=3)), uncovered=Action.ALLOW
    )

    assert judged(policy, a_finding(), a_finding(start=6)).action is Action.ALLOW
    assert judged(policy, a_finding(), a_finding(start=6), a_finding(start=9)).because == ("many",)


def test_of_two_operators_for_one_entity_the_stricter_runs() -> None:
    policy = a_policy(ALLOW, a_mask("a", "replace"), a_mask("b", "redact", tags=frozenset({"pii"})))

    assert judged(policy, a_finding()).operators == {"EMAIL_ADDRESS": OperatorSpec("redact")}
    assert judged(policy, a_finding()).because == ("a", "b")


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_of_one_operator_with_two_sets_of_parameters_the_strictest_of_all_runs(ids: tuple[str, str]) -> None:
    little, much = (
        replace(a_mask(id, "mask"), operator=OperatorSpec("mask", {"keep_last": keep}))
        for id, keep in zip(ids, (0, 64), strict=True)
    )

    assert judged(a_policy(ALLOW, little, much), a_finding()).operators == {"EMAIL_ADDRESS": OperatorSpec("redact")}
    same = replace(little, id="same")
    assert judged(a_policy(ALLOW, little, same), a_finding()).operators == {"EMAIL_ADDRESS": little.operator}
    hashed = a_mask("c", "hash")
    assert judged(a_policy(ALLOW, little, much, hashed), a_finding()).operators["EMAIL_ADDRESS"].name == "hash"


def test_what_masks_a_finding_of_a_reply_does_not_depend_on_what_else_is_found() -> None:
    sure = Statement("sure", Action.MASK, BOTH, findings=FindingMatch(score=0.9), operator=OperatorSpec("redact"))
    policy = a_policy(ALLOW, a_mask("m", "replace"), sure)
    doubtful, certain = a_finding(score=0.5), a_finding(start=6, score=1.0)

    assert judged(policy, doubtful, certain).operators["EMAIL_ADDRESS"].name == "redact"
    for finding, name in ((doubtful, "replace"), (certain, "redact")):
        operator = alone(policy, a_principal(), a_call("hello"), finding)
        assert operator
        assert operator.name == name


def test_originals_are_seen_by_those_whom_a_statement_names_and_it_decides_nothing() -> None:
    sees = Statement(
        "sees",
        Action.ALLOW,
        frozenset({Direction.RESPONSE}),
        principals=PrincipalMatch(groups=frozenset({"support"})),
        findings=FindingMatch(entities=frozenset({"PERSON"})),
        restore=True,
    )
    policy = a_policy(ALLOW, a_mask("m", "pseudonym"), sees)

    assert restores(policy, a_principal(groups=frozenset({"support"})), a_call("hello")) == (sees.findings,)
    assert restores(policy, a_principal(groups=frozenset({"ci"})), a_call("hello")) == ()
    only = a_policy(sees)
    assert judged(only, direction=Direction.RESPONSE).because == (NO_ALLOW,)
    assert judged(a_policy(ALLOW, sees), a_finding("PERSON"), direction=Direction.RESPONSE).because == (UNCOVERED,)


@pytest.mark.parametrize(
    ("statements", "uncovered", "expected"),
    [
        ([], Action.ALLOW, False),
        ([], Action.HOLD, True),
        ([Statement("may", Action.ALLOW, BOTH, findings=FindingMatch())], Action.HOLD, False),
        ([Statement("may", Action.ALLOW, BOTH, findings=FindingMatch(count=2))], Action.HOLD, True),
        ([Statement("many", Action.BLOCK, BOTH, findings=FindingMatch(count=9))], Action.ALLOW, True),
        (
            [Statement("out", Action.BLOCK, frozenset({Direction.REQUEST}), findings=FindingMatch())],
            Action.ALLOW,
            False,
        ),
        ([Statement("see", Action.ALLOW, BOTH, findings=FindingMatch(), restore=True)], Action.HOLD, True),
    ],
    ids=lambda value: value[0].id if isinstance(value, list) and value else None,
)
def test_what_would_make_no_difference_in_a_reply_need_not_be_looked_for(
    statements: list[Statement], uncovered: Action, expected: bool
) -> None:
    policy = a_policy(ALLOW, *statements, uncovered=uncovered)

    assert acts_on(policy, a_principal(), a_call("hello"), a_finding()) is expected


def test_what_replies_say_in_words_passes_where_policy_says_so_and_requests_never() -> None:
    judges = a_policy(ALLOW, a_mask("m", "hash"), uncovered=Action.BLOCK)
    passes = replace(judges, hears_replies=False)
    said, written = a_finding(view=SPOKEN), a_finding()

    for direction in Direction:
        assert judged(judges, said, direction=direction).operators == {"EMAIL_ADDRESS": OperatorSpec("hash")}
        assert judged(passes, written, direction=direction).action is Action.MASK
    assert judged(passes, said).action is Action.MASK
    assert judged(passes, said, direction=Direction.RESPONSE).action is Action.ALLOW
    assert judged(passes, said, written, direction=Direction.RESPONSE).action is Action.MASK
    assert alone(passes, a_principal(), a_call("hello"), said) is None
    assert [acts_on(passes, a_principal(), a_call("hello"), one) for one in (said, written)] == [False, True]


def test_what_is_held_is_masked_all_the_same() -> None:
    verdict = judged(a_policy(ALLOW, a_hold(), a_mask("m", "hash")), a_finding())

    assert (verdict.action, verdict.because) == (Action.HOLD, ("hold",))
    assert verdict.operators == {"EMAIL_ADDRESS": OperatorSpec("hash")}


def test_every_statement_that_holds_asks_its_own_people_and_the_strictest_of_the_rest_counts() -> None:
    oncall, nobody = frozenset({"oncall", "leads"}), frozenset({"oncall"})
    one = a_hold("a", "leads", "legal", within=90.0, use_within=20.0, way=Way.SOFT, break_glass=oncall)
    other = a_hold("b", "legal", need=2, within=60.0, needs_reason=True, break_glass=nobody)
    terms = filled(judged(a_policy(ALLOW, one, other)).terms)

    assert terms == Terms(
        (*some_terms("leads", "legal").quorums, *some_terms("legal", need=2).quorums),
        60.0,
        20.0,
        Way.WAIT,
        True,
        nobody,
    )
    assert (terms.groups, terms.need) == ({"leads", "legal"}, 2)
    assert judged(a_policy(ALLOW, one)).terms == one.terms
    assert filled(judged(a_policy(ALLOW, one, replace(one, id="c"))).terms).quorums == filled(one.terms).quorums


@pytest.mark.parametrize(
    ("principals", "calls", "speaks"),
    [
        (PrincipalMatch(issuers=frozenset({"https://issuer.example"})), CallMatch(), True),
        (PrincipalMatch(issuers=frozenset({"https://issuer.example/"})), CallMatch(), False),
        (PrincipalMatch(workloads=frozenset({"nightly", "x"})), CallMatch(), True),
        (PrincipalMatch(workloads=frozenset({"night"})), CallMatch(), False),
        (PrincipalMatch(owners=frozenset({"eve@example.com"})), CallMatch(), False),
        (PrincipalMatch(groups=frozenset({"ci", "ops"})), CallMatch(), True),
        (PrincipalMatch(groups=frozenset({"ops"})), CallMatch(), False),
        (PrincipalMatch(groups=frozenset({"ci"}), owners=frozenset({"eve@example.com"})), CallMatch(), False),
        (PrincipalMatch(), CallMatch(destinations=frozenset({"model"})), True),
        (PrincipalMatch(), CallMatch(destinations=frozenset({"other"})), False),
        (PrincipalMatch(), CallMatch(dialects=frozenset({"generic"})), False),
        (PrincipalMatch(), CallMatch(operations=frozenset({"embeddings"})), False),
        (PrincipalMatch(), CallMatch(models=frozenset({"small"})), True),
        (PrincipalMatch(), CallMatch(models=frozenset({"large"})), False),
        (PrincipalMatch(), CallMatch(min_size=5), True),
        (PrincipalMatch(), CallMatch(min_size=6), False),
        (PrincipalMatch(), CallMatch(max_size=5), True),
        (PrincipalMatch(), CallMatch(max_size=4), False),
        (PrincipalMatch(), CallMatch(stream=False), True),
        (PrincipalMatch(), CallMatch(stream=True), False),
        (PrincipalMatch(claims={"event": frozenset({"schedule", "push"})}), CallMatch(), True),
        (PrincipalMatch(claims={"event": frozenset({"push"})}), CallMatch(), False),
        (PrincipalMatch(claims={"missing": frozenset({"None"})}), CallMatch(), False),
        (PrincipalMatch(claims={"/run/id": frozenset({"7"})}), CallMatch(), True),
        (PrincipalMatch(claims={"/run/id": frozenset({"7"}), "event": frozenset({"push"})}), CallMatch(), False),
        (PrincipalMatch(claims={"roles": frozenset({"admin"})}), CallMatch(), True),
        (PrincipalMatch(claims={"roles": frozenset({"['ops', 'admin']"})}), CallMatch(), False),
    ],
)
def test_a_statement_speaks_of_whom_it_names(principals: PrincipalMatch, calls: CallMatch, speaks: bool) -> None:
    block = Statement("block", Action.BLOCK, BOTH, principals, calls)
    who = {"claims": {"event": "schedule", "run": {"id": 7}, "roles": ["ops", "admin"]}}

    assert judged(a_policy(ALLOW, block), principal=who).action is (Action.BLOCK if speaks else Action.ALLOW)


@pytest.mark.parametrize(
    ("match", "fires"),
    [
        (FindingMatch(), True),
        (FindingMatch(entities=frozenset({"EMAIL_ADDRESS"})), True),
        (FindingMatch(entities=frozenset({"PERSON"})), False),
        (FindingMatch(tags=frozenset({"pii", "x"})), True),
        (FindingMatch(tags=frozenset({"secret"})), False),
        (FindingMatch(entities=frozenset({"PERSON"}), tags=frozenset({"pii"})), True),
        (FindingMatch(level=Level.MEDIUM), True),
        (FindingMatch(level=Level.HIGH), False),
        (FindingMatch(score=0.9), True),
        (FindingMatch(score=0.91), False),
    ],
)
def test_a_statement_fires_for_the_findings_that_it_names(match: FindingMatch, fires: bool) -> None:
    policy = a_policy(ALLOW, Statement("block", Action.BLOCK, BOTH, findings=match), uncovered=Action.ALLOW)

    assert judged(policy, a_finding()).action is (Action.BLOCK if fires else Action.ALLOW)


def test_a_statement_for_one_direction_is_silent_in_the_other() -> None:
    policy = a_policy(ALLOW, Statement("block", Action.BLOCK, frozenset({Direction.REQUEST})))

    assert judged(policy).action is Action.BLOCK
    assert judged(policy, direction=Direction.RESPONSE).action is Action.ALLOW


@pytest.mark.parametrize("name", [UNCOVERED, NO_ALLOW])
def test_a_statement_that_bears_a_name_of_ours_blocks_all_the_same(name: str) -> None:
    block = Statement(name, Action.BLOCK, BOTH)
    policy = a_policy(ALLOW, block, uncovered=Action.HOLD, terms=TERMS)

    assert judged(policy, a_finding()).action is Action.BLOCK


@pytest.mark.parametrize(
    ("encoded", "view", "action"),
    [
        (Action.MASK, "decoded", Action.MASK),
        (Action.BLOCK, "decoded", Action.BLOCK),
        (Action.BLOCK, "canonical", Action.MASK),
    ],
)
def test_what_was_encoded_is_masked_or_blocked_as_is_said(encoded: Action, view: str, action: Action) -> None:
    mask = replace(a_mask("m", "hash", entities=frozenset({"US_SSN"})), encoded=encoded)

    verdict = judged(a_policy(ALLOW, mask), a_finding("US_SSN", view=view))

    assert (verdict.action, verdict.because) == (action, ("m",))


def test_the_reason_is_of_the_statement_that_decided() -> None:
    loud = Statement("b", Action.BLOCK, BOTH, reason="Because.")

    assert judged(a_policy(ALLOW, loud, a_hold("a", reason="Ask."))).reason == "Because."
    quiet = judged(a_policy(ALLOW, replace(loud, reason=""), uncovered=Action.HOLD, terms=TERMS), a_finding())
    assert (quiet.because, quiet.reason) == (("b",), "")


@pytest.mark.parametrize(
    ("rule", "fires"),
    [
        *((f"{kind}-payments", True) for kind in MATERIAL),
        ("fingerprint-payments-2", False),
        ("iban-payments", False),
        ("payments", False),
    ],
)
def test_material_is_told_by_its_label(rule: str, fires: bool) -> None:
    mine = Statement("mine", Action.BLOCK, BOTH, findings=FindingMatch(labels=frozenset({"payments"})))

    assert judged(a_policy(ALLOW, mine, uncovered=Action.ALLOW), a_finding(rule=rule)).action is (
        Action.BLOCK if fires else Action.ALLOW
    )


def test_every_kind_of_material_that_is_found_has_labels() -> None:
    assert set(MATERIAL) == set(TAGS)


def test_a_statement_that_is_off_or_watches_sees_no_originals_but_is_worth_looking_for() -> None:
    match = FindingMatch()
    sees = Statement("sees", Action.ALLOW, frozenset({Direction.RESPONSE}), findings=match, restore=True)
    block = Statement("block", Action.BLOCK, BOTH, findings=match)
    for mode in (Mode.SHADOW, Mode.OFF):
        policy = a_policy(ALLOW, replace(sees, mode=mode), replace(block, mode=mode), uncovered=Action.ALLOW)

        assert restores(policy, a_principal(), a_call("hello")) == ()
        assert acts_on(policy, a_principal(), a_call("hello"), a_finding()) is (mode is Mode.SHADOW)


SLOW = Over(Scope.WORKLOAD, DAY, {"distinct EMAIL_ADDRESS": 50})


def leaked(distinct: int) -> Counts:
    return {"workload 24h": {"distinct EMAIL_ADDRESS": distinct}}


@pytest.mark.parametrize(
    ("counts", "action"),
    [(leaked(50), Action.ALLOW), (leaked(51), Action.HOLD), (None, Action.BLOCK), ({}, Action.BLOCK)],
    ids=["equal", "over", "unknown", "not-counted"],
)
def test_one_more_than_the_limit_is_over_and_what_nobody_knows_blocks(counts: Counts | None, action: Action) -> None:
    verdict = judged(a_policy(ALLOW, a_hold("slow", over=SLOW)), counts=counts)

    assert verdict.action is action
    assert verdict.because == (("allow",) if action is Action.ALLOW else ("slow",))
    assert verdict.counts == (counts or {})


def test_the_reason_says_what_was_counted_and_of_one_statement_alone() -> None:
    policy = a_policy(ALLOW, a_hold("a", over=SLOW, reason="Slow leak."), a_hold("b", over=SLOW))

    assert judged(policy, counts=leaked(51)).reason == (
        "Slow leak. Counted: 51 distinct EMAIL_ADDRESS (limit 50) of the workload within 24h."
    )
    assert "not known" in judged(policy).reason


def test_beside_findings_it_is_about_calls_with_such_findings_alone() -> None:
    policy = a_policy(ALLOW, a_hold("slow", over=SLOW, findings=FindingMatch()), uncovered=Action.ALLOW)

    assert judged(policy, counts=leaked(51)).action is Action.ALLOW
    assert judged(policy, a_finding(), counts=leaked(51)).action is Action.HOLD


def test_much_use_does_not_make_a_finding_one_that_is_spoken_of() -> None:
    mask = replace(a_mask("slow", "redact"), over=SLOW, directions=OUTWARD)

    for held in (50, 51):
        assert judged(a_policy(ALLOW, mask), a_finding(), counts=leaked(held)).because == (UNCOVERED,)
    covered = judged(a_policy(ALLOW, mask, a_mask("always", "hash")), a_finding(), counts=leaked(51))
    assert covered.operators == {"EMAIL_ADDRESS": OperatorSpec("redact")}


@pytest.mark.parametrize("mode", Mode)
def test_what_is_counted_is_worth_looking_for_in_a_reply(mode: Mode) -> None:
    slow = a_hold("slow", over=SLOW, mode=mode, principals=PrincipalMatch(workloads=frozenset({"other"})))
    policy = a_policy(ALLOW, slow, uncovered=Action.ALLOW)

    assert acts_on(policy, a_principal(), a_call("hello"), a_finding()) is (mode is not Mode.OFF)
    assert not acts_on(policy, a_principal(), a_call("hello"), a_finding("PERSON"))
