from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.adapters import rulebook
from weighlock.adapters.inspector.prefilter import WARM, Prefilter, hyperscan, re2_set
from weighlock.detection.context import stem
from weighlock.detection.rules import Rule, compiled

RULES = rulebook.detection_rules(rulebook.read(rulebook.shipped())).rules
EXAMPLES = [example for rule in RULES for example in (*rule.match, *rule.clear)]
PREFILTER = Prefilter(RULES)


@pytest.fixture(scope="module")
def fast() -> Prefilter:
    prefilter = Prefilter(RULES)
    prefilter.hasten()
    return prefilter


def candidates(text: str) -> list[int]:
    return list(PREFILTER.candidates(text))


def matching(text: str) -> set[int]:
    lowered = text.lower()

    def may(rule: Rule) -> bool:
        needed = (rule.keywords, [stem(word) for word in rule.context])
        return all(not words or any(word in lowered for word in words) for words in needed)

    return {number for number, rule in enumerate(RULES) if may(rule) and compiled(rule.pattern).search(text.encode())}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=3).map(" é ".join), st.integers(0, 200))
def test_no_rule_that_matches_is_left_out(fast: Prefilter, text: str, start: int) -> None:
    text = text[start % len(text) :]

    assert matching(text) <= set(candidates(text))
    assert matching(text) <= set(fast.candidates(text))


def test_a_text_without_anything_has_no_candidate() -> None:
    assert candidates("x = [y, z]") == []


def test_letters_that_ascii_folds_to_make_every_rule_a_candidate() -> None:
    assert candidates("to\u212aen") == list(range(len(RULES)))


@pytest.mark.parametrize("backend", [re2_set, hyperscan])
def test_each_backend_tells_which_of_its_expressions_match(backend: object) -> None:
    match = backend([b"a+b", b"[0-9]{2,}", b"(?i)(?:key)"])  # type: ignore[operator]

    assert sorted(match(b"aab KEY")) == [0, 2]
    assert sorted(match(b"12")) == [1]
    assert list(match(b"nothing")) == []


def test_hyperscan_takes_over_once_there_was_enough_to_read() -> None:
    prefilter = Prefilter(RULES[:3])
    text = "x " * (WARM // 2)
    before = prefilter._match

    deadline = time.monotonic() + 60
    while prefilter._match is before and time.monotonic() < deadline:
        assert list(prefilter.candidates(text)) == []

    assert prefilter._match is not before
    assert list(prefilter.candidates(text)) == []


def test_what_re2_cannot_tell_every_rule_may_match(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = SimpleNamespace(Add=lambda pattern: 0, Compile=lambda: None, Match=lambda data: [])
    monkeypatch.setattr(re2.Set, "SearchSet", lambda options: silent)

    assert list(re2_set([b"a", b"b"])(b"c")) == [0, 1]
