from __future__ import annotations

from dataclasses import replace

import pytest

from weighlock import rulefile
from weighlock.detection.rules import THRESHOLDS, RuleSet, from_source, rule_set
from weighlock.errors import ConfigError

BADGE = """
id: badge
title: Number of a badge
level: low
entity: BADGE
tags: [pii]
pattern: 'BDG-[0-9]{6}'
score: 0.5
context: ['badge*']
references: [https://badges.example]
match: ['badge BDG-{digit:6}']
clear: ['BDG-{digit:5}']
"""


def ruleset(thresholds: str = "", badge: str = BADGE) -> RuleSet:
    files = {"detect/pii/badge.yaml": badge} | ({THRESHOLDS: thresholds} if thresholds else {})
    return rule_set({name: rulefile.parse(text, name) for name, text in files.items()})


def complaint(thresholds: str = "", badge: str = BADGE) -> str:
    with pytest.raises(ConfigError) as caught:
        ruleset(thresholds, badge)
    return str(caught.value)


def test_an_entity_has_a_threshold_where_one_is_given() -> None:
    assert ruleset("BADGE: 0.5\nPERSON: 1").thresholds == {"BADGE": 0.5, "PERSON": 1.0}
    assert ruleset().thresholds == {}


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ("PERSN: 0.5", "detect/thresholds.yaml:1:8: unknown key 'PERSN'; did you mean 'PERSON'?"),
        ("BADGE: 1.5", "detect/thresholds.yaml:1:8: 1.5 is not between 0 and 1"),
        ("BADGE: high", "is not a number"),
        ("[BADGE]", "expected a mapping"),
        ("BADGE: 0.1\nBADGE: 0.2", "'BADGE' stands here twice"),
    ],
    ids=["unknown", "too high", "word", "list", "twice"],
)
def test_a_threshold_that_cannot_be_meant_is_an_error_with_its_place(thresholds: str, said: str) -> None:
    assert said in complaint(thresholds)


def test_what_was_found_under_other_thresholds_is_not_remembered_as_this() -> None:
    assert len({ruleset().digest, ruleset("BADGE: 0.5").digest, ruleset("BADGE: 0.6").digest}) == 3


def test_examples_and_references_change_nothing_that_is_found() -> None:
    other = BADGE.replace("badges.example", "other.example").replace("badge BDG-", "my badge BDG-")

    assert ruleset(badge=other).digest == ruleset().digest


def test_a_worker_has_the_rules_that_the_gateway_has_but_for_their_examples() -> None:
    ours = ruleset("BADGE: 0.5")

    theirs = from_source(ours.source)

    assert theirs.rules == tuple(replace(rule, match=(), clear=(), references=()) for rule in ours.rules)
    assert (theirs.digest, theirs.thresholds) == (ours.digest, ours.thresholds)


@pytest.mark.parametrize("word", ["'Card'", "'*'", "'a*b'", "' card'", "'card '", "'**card'"])
def test_a_word_of_context_is_in_lower_case_with_stars_at_its_ends_only(word: str) -> None:
    assert "is not a word in lower case" in complaint(badge=BADGE.replace("'badge*'", word))
