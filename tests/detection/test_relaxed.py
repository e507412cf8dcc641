from __future__ import annotations

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.detection.relaxed import FOLDED, expression, relaxed
from weighlock.detection.rules import Rule
from weighlock.model import Level

_LETTERS = "aZ09 -_.é²ÑßЖ好\n"
_ATOMS = st.sampled_from(
    r"a Z [a-c] [^0-9] \pL \p{Lu} [^\pL\pN] [\pL_.-] \pN é [à-ÿ] [^é] \s"
    r" \S \d \b . (?i:z) \x{e9} [^\]] []a] [-a] \. [\s-] \PL ^ $".split()
)
_COUNTS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{0,1}", "{12,20}", "{1}", "*?", "{0,4}?"])


def _joined(parts: list[str]) -> str:
    return "".join(parts)


_PIECE = st.tuples(_ATOMS, _COUNTS).map(lambda pair: pair[0] + (pair[1] if pair[0] not in (r"\b", "^", "$") else ""))
_SEQUENCE = st.lists(_PIECE, min_size=1, max_size=4).map(_joined)
_PATTERN = st.lists(_SEQUENCE, min_size=1, max_size=3).map(lambda parts: "(?:" + "|".join(parts) + ")")


def matches(pattern: str, text: str) -> bool:
    return re2.compile(pattern.encode()).search(text.encode()) is not None


@settings(max_examples=400)
@given(_PATTERN, st.text(_LETTERS, max_size=30))
def test_what_a_pattern_matches_its_relaxed_form_matches_too(pattern: str, text: str) -> None:
    wide = relaxed(pattern)

    assert wide is not None
    assert not matches(pattern, text) or matches(wide, text)


@given(_PATTERN)
def test_a_relaxed_form_knows_no_alphabet_and_no_upper_bound(pattern: str) -> None:
    wide = relaxed(pattern) or ""

    assert wide.isascii()
    assert r"\p" not in wide
    assert "20}" not in wide


def test_what_cannot_be_relaxed_is_none_and_so_always_tried() -> None:
    assert [relaxed(pattern) for pattern in ("[!-é]", r"\Qa.b\E", "[[:alpha:]]x", r"[\S]")] == [None] * 4


def rule(**given: object) -> Rule:
    return Rule("r", "R", Level.HIGH, "R", (), r"\d{3}", 1.0, **given)  # type: ignore[arg-type]


def test_a_rule_that_needs_a_word_is_looked_for_by_the_word() -> None:
    wide = expression(rule(keywords=("contraseña", "a.bc")))

    assert matches(wide, "CONTRASEÑA")
    assert matches(wide, "xA.Bcy")
    assert not matches(wide, "aXbc 123")
    assert matches(expression(rule(context=("card",))), "Card: 123")
    assert not matches(expression(rule(context=("card",))), "123")


def test_letters_that_fold_to_ascii_ones_are_known() -> None:
    letters = "".join(char for char in map(chr, range(0x80, 0x3000)))
    folding = {char for char in letters if matches("(?i)[a-z]", char) or char.lower().isascii()}

    assert set(FOLDED.findall(letters)) == folding | {"\u0130"}  # its lower case is two characters
