"""Each rule's own examples, with the sample secrets made up at test time."""

from __future__ import annotations

import random

import pytest

from weighlock.adapters import rulebook
from weighlock.adapters.inspector.engine import RuleRecognizer
from weighlock.detection.rules import Rule
from weighlock.detection.samples import clear_failures, match_failures

RULES = rulebook.detection_rules(rulebook.read(rulebook.shipped())).rules


@pytest.mark.parametrize(
    ("rule", "example"), [pytest.param(r, e, id=f"{r.id}-{i}") for r in RULES for i, e in enumerate(r.match)]
)
def test_a_rule_finds_its_matches_and_every_value_of_a_list(rule: Rule, example: str) -> None:
    assert list(match_failures(example, RuleRecognizer([rule]).values, random.Random(example))) == []


@pytest.mark.parametrize(
    ("rule", "example"), [pytest.param(r, e, id=f"{r.id}-{i}") for r in RULES for i, e in enumerate(r.clear)]
)
def test_a_rule_leaves_the_clear_alone(rule: Rule, example: str) -> None:
    assert list(clear_failures(example, RuleRecognizer([rule]).values, random.Random(example))) == []


def test_no_example_holds_a_literal_secret() -> None:
    secrets = [rule for rule in RULES if "secret" in rule.tags and rule.id not in ("private-key", "url-with-password")]

    literal = {rule.id for rule in secrets for example in rule.match if RuleRecognizer([rule]).values(example)}

    assert secrets
    assert literal <= {"assigned-secret"}
