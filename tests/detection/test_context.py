from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.context import CONTEXT, stands_before, stem


@pytest.mark.parametrize(
    ("word", "before"),
    [
        ("card", "card "),
        ("card", "credit card: "),
        ("card", "card"),
        ("card", "CC_CARD="),
        ("card", "discard, then the card "),
        ("carte", "numéro de carte : "),
        ("card*", "cardNumber "),
        ("*karte", "Kreditkarte "),
        ("*karte*", "Kreditkartennummer "),
        ("social security", "a Social Security number is "),
        ("a.b", "a.b "),
    ],
)
def test_a_word_that_stands_for_itself_is_context(word: str, before: str) -> None:
    assert stands_before(("other", word), before.lower() + "1234", len(before))


@pytest.mark.parametrize(
    ("word", "before"),
    [
        ("card", "discard "),
        ("card", "cards "),
        ("card", "card1 "),
        ("card", "écard "),
        ("card*", "discard "),
        ("*karte", "Karten "),
        ("card", ""),
        ("card", "1234"),
        ("a.b", "axb "),
    ],
)
def test_a_word_inside_another_is_none(word: str, before: str) -> None:
    assert not stands_before((word,), before.lower() + "1234 card", len(before))


@given(st.integers(0, 2 * CONTEXT), st.sampled_from(["", "x", " ", "é"]))
def test_context_counts_up_to_its_distance_and_no_further(gap: int, left: str) -> None:
    text = f"{'y ' * 9}{left}card{' ' * gap}"

    assert stands_before(("card",), text, len(text)) == (len("card") + gap <= CONTEXT and left in ("", " "))


def test_a_word_is_whole_though_the_distance_ends_within_it() -> None:
    text = "discard" + " " * (CONTEXT - 4)

    assert not stands_before(("card",), text, len(text))
    assert stands_before(("*card",), text, len(text))


def test_what_a_text_must_hold_has_no_star() -> None:
    assert [stem(word) for word in ("card", "card*", "*card*")] == ["card", "card", "card"]
