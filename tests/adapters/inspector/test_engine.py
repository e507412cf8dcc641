"""How rules are searched, whatever their patterns are."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.adapters.inspector.engine import Engine, RuleRecognizer
from weighlock.adapters.inspector.ner import Marks
from weighlock.detection.entities import Word
from weighlock.detection.rules import Rule
from weighlock.model import Level, Role, Text


def a_rule(pattern: str, **given: object) -> Rule:
    return Rule("r", "R", Level.HIGH, "R", (), pattern, 1.0, **given)  # type: ignore[arg-type]


def found(rule: Rule, text: str) -> list[str]:
    results = RuleRecognizer([rule]).analyze(text, ["R"], None)  # type: ignore[arg-type]
    return [text[result.start : result.end] for result in results]


@given(st.lists(st.sampled_from(["a1", "b2"]), max_size=9), st.sampled_from([" ", "\n", "é", "😀"]))
def test_every_value_of_a_list_is_found_though_the_pattern_reads_both_separators(values: list[str], by: str) -> None:
    rule = a_rule(r"(?:^|[^a-z0-9])(?P<value>[ab][12])(?:[^a-z0-9]|$)")

    assert found(rule, by.join(values)) == values


def test_a_rejected_candidate_does_not_hide_the_value_within_it() -> None:
    rule = a_rule(r"(?:^|[^0-9])(?P<value>[0-9]{4}(?: ?[0-9]{4}){2} ?[0-9]{1,7})", validator="luhn")

    assert found(rule, "2024 4111 1111 1111 1111 2024") == ["4111 1111 1111 1111"]


def test_the_beginning_of_the_text_is_not_where_the_search_goes_on() -> None:
    assert found(a_rule(r"^(?P<value>a)"), "aa") == ["a"]


@pytest.mark.parametrize("pattern", [r"x(?P<value>a)?", r"x(?P<value>a*)", r"x(?P<value>a)|(?P<other>b)"])
def test_a_value_that_is_empty_or_took_no_part_is_no_finding_and_no_endless_search(pattern: str) -> None:
    assert found(a_rule(pattern), "xbxa") == ["a"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_context_is_looked_for_where_it_stands_whatever_stands_before_it(before: str) -> None:
    rule = a_rule(r"[0-9]{9}", context=("ssn",))

    assert "219099999" in found(rule, f"{before}{'İ' * 60} ssn 219099999")


def test_no_character_but_the_one_that_is_handled_changes_its_length_in_lower_case() -> None:
    longer = [c for c in map(chr, range(sys.maxunicode + 1)) if len(c.lower()) != 1]

    assert longer == ["\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"]


def test_what_a_rule_leaves_of_a_guess_has_no_space_beside_it() -> None:
    engine = Engine(bytes(32), "none")
    engine.use([a_rule("Herr")])
    text = "Herr Yilmaz"
    marks = Marks([Word(0, len(text), "PERSON", 0.9)])
    engine._artifacts = lambda segments, *, ner: iter([marks])  # type: ignore[method-assign]

    found = engine.inspect([Text("/x", Role.CONTENT, text)])

    assert [text[finding.start : finding.end] for finding in found] == ["Herr", "Yilmaz"]
