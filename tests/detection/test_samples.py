from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.rules import Rule
from weighlock.detection.samples import ALPHABETS, LIST, failures, filled
from weighlock.model import Level


def a_rule(match: str, clear: str) -> Rule:
    return Rule("r", "R", Level.HIGH, "R", (), "", 1.0, match=(match,), clear=(clear,))


def reasons(pattern: str, match: str = "key k{digit:3}", clear: str = "key k1") -> list[str]:
    find = re.compile(pattern).findall
    return [failure.reason for failure in failures(a_rule(match, clear), find, random.Random(0))]


@given(st.sampled_from(sorted(ALPHABETS)), st.integers(1, 99), st.randoms(use_true_random=False))
def test_a_blank_is_filled_with_as_many_characters_of_its_alphabet(
    name: str, count: int, chance: random.Random
) -> None:
    text = filled(f"a {{{name}:{count}}} b", chance)

    assert re.fullmatch(rf"a [{ALPHABETS[name]}]{{{count}}} b", text)


def test_blanks_are_filled_each_anew_and_all_else_stays() -> None:
    one, other = filled("{hex:32} {hex:32}", random.Random(1)).split()

    assert one != other
    assert filled(r"{port:80} {alnum} a\nb", random.Random(1)) == "{port:80} {alnum} a\nb"


def test_the_same_chance_makes_up_the_same_sample() -> None:
    assert filled("{alnum:20}", random.Random(7)) == filled("{alnum:20}", random.Random(7))


def test_a_rule_that_does_as_its_examples_say_has_no_failure() -> None:
    assert reasons("k[0-9]{3}") == []


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("x", ["should match"]),
        ("k[0-9]+", ["should be clear"]),
        (r"(?:^|\s)key k[0-9]{3}(?:\s|,|$)", [f"should match {LIST} times in a list of {LIST}"] * 3),
    ],
    ids=["missed", "too much", "takes the separator"],
)
def test_a_failure_says_which_example_and_why(pattern: str, said: list[str]) -> None:
    assert reasons(pattern) == said


def test_a_sample_is_in_no_repr() -> None:
    (failure,) = failures(a_rule("{digit:9}", "x"), lambda _: [], random.Random(1))

    assert failure.sample.isdigit()
    assert failure.sample not in repr(failure)
