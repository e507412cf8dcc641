"""The shipped policy, over everything that the shipped rules can find."""

from __future__ import annotations

from typing import Any

import pytest

from builders import a_call, a_finding, a_principal
from weighlock.adapters import rulebook
from weighlock.detection.material import CANARY, ENTITIES, TAGS, Kind
from weighlock.detection.rules import NER
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Finding, Verdict
from weighlock.policy.decide import UNCOVERED, decide

RULES = rulebook.compiled(rulebook.read(rulebook.shipped()), OPERATORS)
REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE


def of_rule(rule: Any, **given: Any) -> Finding:
    return a_finding(rule.entity, rule=rule.id, level=rule.level, score=rule.score, tags=frozenset(rule.tags), **given)


def of_ner(entity: str, **given: Any) -> Finding:
    """As the engine reports them, with the least score of its model."""
    level, tags = NER[entity]
    return a_finding(entity, score=0.1, level=level, tags=frozenset(tags), **given)


def of_material(entity: str) -> Finding:
    level, tags = ENTITIES[entity]
    return a_finding(entity, level=level, tags=frozenset(tags))


ALL = {rule.id: of_rule(rule) for rule in RULES.detect.rules} | {entity: of_ner(entity) for entity in NER}
ALL |= {entity: of_material(entity) for entity in ENTITIES}


def judged(*findings: Finding, direction: Direction = REQUEST) -> Verdict:
    return decide(RULES.policy, a_principal(), a_call("x"), findings, direction)


def tagged(tag: str) -> list[str]:
    return sorted(name for name, finding in ALL.items() if tag in finding.tags)


def operator(name: str, direction: Direction) -> str:
    spec = judged(ALL[name], direction=direction).operators.get(ALL[name].entity)
    return spec.name if spec else "none"


@pytest.mark.parametrize("direction", Direction)
def test_a_clean_call_passes(direction: Direction) -> None:
    assert judged(direction=direction).action is Action.ALLOW


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("name", sorted(ALL))
def test_everything_that_can_be_found_is_spoken_of(name: str, direction: Direction) -> None:
    assert UNCOVERED not in judged(ALL[name], direction=direction).because


@pytest.mark.parametrize("name", tagged("secret"))
def test_a_secret_leaves_in_no_request_and_reaches_nobody_in_a_reply(name: str) -> None:
    assert judged(ALL[name]).action is Action.BLOCK
    assert judged(ALL[name], direction=RESPONSE).action in (Action.MASK, Action.BLOCK)
    assert operator(name, RESPONSE) in ("replace", "redact")


@pytest.mark.parametrize("name", tagged("proprietary"))
def test_proprietary_text_leaves_in_no_request_and_is_cut_from_replies(name: str) -> None:
    assert judged(ALL[name]).action is Action.BLOCK
    assert operator(name, RESPONSE) == "replace"


@pytest.mark.parametrize("direction", Direction)
def test_a_canary_stops_everything(direction: Direction) -> None:
    assert judged(ALL[CANARY], direction=direction).action is Action.BLOCK


@pytest.mark.parametrize("direction", Direction)
def test_a_record_gets_a_pseudonym_whatever_it_is(direction: Direction) -> None:
    verdict = judged(a_finding("CUSTOMER_ID", tags=frozenset(TAGS[Kind.RECORD])), direction=direction)

    assert verdict.operators["CUSTOMER_ID"].name == "pseudonym"


@pytest.mark.parametrize("name", tagged("pii"))
@pytest.mark.parametrize("direction", Direction)
def test_personal_data_is_masked_in_both_directions(name: str, direction: Direction) -> None:
    verdict = judged(ALL[name], direction=direction)

    assert verdict.action is Action.MASK
    assert operator(name, direction) in ("pseudonym", "mask", "hash", "redact")


@pytest.mark.parametrize("name", ["PERSON", "date-of-birth", *tagged("contact"), *tagged("record")])
def test_people_get_pseudonyms_in_requests(name: str) -> None:
    assert operator(name, REQUEST) == "pseudonym"


@pytest.mark.parametrize("name", [*tagged("financial"), *tagged("national-id")])
@pytest.mark.parametrize("direction", Direction)
def test_numbers_are_masked_in_both_directions(name: str, direction: Direction) -> None:
    assert operator(name, direction) == "mask"


@pytest.mark.parametrize("name", tagged("business"))
def test_what_is_marked_as_internal_is_held_and_cut_from_replies(name: str) -> None:
    asked = judged(ALL[name])

    assert asked.action is Action.HOLD
    assert asked.terms
    assert asked.terms.groups == {"security"}
    assert operator(name, RESPONSE) == "replace"


@pytest.mark.parametrize(
    "name", [n for tag in ("network", "place", "organization", "demographic") for n in tagged(tag)]
)
@pytest.mark.parametrize("direction", Direction)
def test_places_companies_and_machines_pass(name: str, direction: Direction) -> None:
    verdict = judged(ALL[name], direction=direction)

    assert (verdict.action, verdict.operators) == (Action.ALLOW, {})


def test_ten_findings_about_people_are_an_export_and_nine_are_work() -> None:
    people = [of_ner("PERSON", start=10 * n, end=10 * n + 5) for n in range(10)]
    export, work = judged(*people), judged(*people[:9])

    assert (work.action, export.action) == (Action.MASK, Action.HOLD)
    assert export.terms
    assert export.terms.groups == {"security"}
    assert export.operators["PERSON"].name == "pseudonym", "masked even when it is approved"
    assert judged(*people, direction=RESPONSE).action is Action.MASK


def test_an_export_is_counted_over_all_kinds_of_personal_data() -> None:
    mixed = [of_ner("PERSON", start=n, end=n + 1) for n in range(5)]
    mixed += [a_finding("EMAIL_ADDRESS", start=20 + n, end=21 + n) for n in range(5)]

    assert judged(*mixed).action is Action.HOLD


def test_a_secret_in_an_export_blocks_it() -> None:
    people = [of_ner("PERSON", start=10 * n, end=10 * n + 5) for n in range(20)]

    assert judged(*people, ALL["private-key"]).action is Action.BLOCK


def test_what_nobody_thought_of_is_held_and_in_a_reply_blocked() -> None:
    unknown = a_finding("SOMETHING_NEW", tags=frozenset({"new"}))
    asked = judged(unknown)

    assert (asked.action, asked.because) == (Action.HOLD, (UNCOVERED,))
    assert asked.terms
    assert asked.terms.groups == {"security"}
    assert judged(unknown, direction=RESPONSE).action is Action.BLOCK


def test_every_refusal_of_the_shipped_policy_gives_a_reason() -> None:
    strict = [s for s in RULES.policy.statements if s.effect in (Action.HOLD, Action.BLOCK)]

    assert strict
    assert all(statement.reason.endswith(".") for statement in strict)
