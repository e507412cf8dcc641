"""The law: what may leave early is touched by nothing that is found once the segment is complete."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.evasions import EVASIONS, VALUES
from weighlock.adapters import rulebook
from weighlock.adapters.inspector.engine import Engine
from weighlock.detection.early import Early
from weighlock.detection.rules import Rule
from weighlock.detection.samples import filled
from weighlock.detection.validators import NOT_FIRST
from weighlock.model import SPOKEN, Role, Text
from weighlock.segments import split

RULES = rulebook.detection_rules(rulebook.read(rulebook.shipped()))
EARLY = Early(RULES.rules)
ENGINE = Engine(b"k" * 32, "none")
ENGINE.use(RULES.rules, RULES.thresholds)
WORDS = "the lock gates open slowly and boats wait in line for their turn".split()


def assert_untouched(text: str) -> None:
    """Of every segment, whatever part of it came first; also where what is said in words makes no difference."""
    for segment in split(text):
        found = ENGINE.inspect([Text("", Role.CONTENT, segment)])
        for spoken in (True, False):
            first = min((one.start for one in found if spoken or one.view != SPOKEN), default=len(segment))
            released = 0
            for end in [end for end in range(1, len(segment) + 1) if segment[end - 1 : end].isspace() or end % 5 == 0]:
                released = max(released, EARLY.safe(segment[:end], spoken=spoken))
                assert released <= end
                assert released <= first, segment[:end]


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_no_beginning_of_what_a_rule_finds_leaves_early(rule: Rule) -> None:
    chosen = random.Random(rule.id)
    for example in rule.match[:2]:
        before = " ".join(chosen.choices(WORDS, k=4))
        assert_untouched(f"{before} {filled(example, chosen)} and so on")


BY_NAME = [rule for rule in RULES.rules if rule.validator in NOT_FIRST]


@pytest.mark.parametrize("opener", ["The", "This", "If", "Here's", "THE", "And"])
@pytest.mark.parametrize("rule", BY_NAME, ids=lambda rule: rule.id)
def test_what_a_sentence_begins_with_is_no_part_of_a_name(rule: Rule, opener: str) -> None:
    for example in (filled(example, random.Random(rule.id)) for example in rule.match):
        text = f"{opener} {example}"
        for segment in split(text):
            found = ENGINE.inspect([Text("", Role.CONTENT, segment)])
            assert not [one for one in found if one.rule == rule.id and segment[one.start : one.end].startswith(opener)]
        assert_untouched(text)
        assert_untouched(f"so it is. {text}, and so on")


@pytest.mark.parametrize(
    "word",
    ["The", "This", "If", "Here", "It", "And", "Sure,", "used.", "bytes,", "default:", "it's", "(see", "Thanks!"],
)
def test_what_replies_begin_with_leaves_at_once(word: str) -> None:
    assert EARLY.safe(f"{word} ", spoken=False) == len(word) + 1


@pytest.mark.parametrize("word", ["Maria", "Acme", "Thea", "Iffy"])
def test_what_names_begin_with_does_not(word: str) -> None:
    assert EARLY.safe(f"{word} ", spoken=False) == 0


@given(
    st.lists(st.sampled_from([*WORDS, "I", "a", "42", "one", "two", "at", "dot", "API", "ab", "\n", "(see", "it's"]))
)
def test_no_plain_words_hold_each_other_back_for_long(words: list[str]) -> None:
    assert_untouched(" ".join(words))


@pytest.mark.parametrize("evasion", EVASIONS)
def test_nothing_that_is_hidden_leaves_early(evasion: str) -> None:
    for value, _ in VALUES.values():
        assert_untouched(f"The value that I was given is {EVASIONS[evasion](value)} and that is all.")


@pytest.mark.parametrize("by", [".0", ",00", "e0", "e"])
def test_nothing_that_is_written_as_a_quantity_leaves_early(by: str) -> None:
    card = VALUES["CREDIT_CARD"][1].replace(" ", "")
    said = f"{card[0]}.{card[1:]}e{len(card) - 1}" if by == "e" else card + by

    assert ENGINE.inspect([Text("", Role.CONTENT, said)])
    assert_untouched(f"The value that I was given is {said} and that is all.")


PROSE = {
    "English": "The lock gates open slowly as the water level rises, and boats wait in a quiet line for their turn.",
    "German": "Wir haben gestern einen langen Spaziergang gemacht und dabei viele freundliche Menschen getroffen.",
    "French": "Nous avons fait une longue promenade hier et nous avons rencontré beaucoup de gens très sympathiques.",
}


@pytest.mark.parametrize("language", PROSE)
def test_of_prose_little_more_than_a_word_is_held(language: str) -> None:
    text = PROSE[language]
    held = [end - EARLY.safe(text[:end]) for end in range(1, len(text)) if text[end - 1] == " "]

    assert sum(held) / len(held) < 12
    assert max(held) < 40


def test_common_words_leave_at_once_and_those_that_an_address_may_begin_with_wait_for_the_next() -> None:
    assert EARLY.safe("and then they were ") == len("and then they were ")
    assert EARLY.safe("and then maria ") == len("and then ")
    assert EARLY.safe("and then maria went ") == len("and then maria ")


def test_every_common_word_leaves_at_once_where_addresses_in_words_make_no_difference() -> None:
    assert EARLY.safe("and then maria ", spoken=False) == len("and then maria ")
    assert EARLY.safe("we spoke of the maria at the corner of ", spoken=False) == len("we spoke of the maria at the ")
    assert EARLY.safe("it is maria@example.com and ", spoken=False) == len("it is ")
    assert EARLY.safe("call four one one one ", spoken=False) == len("call ")


def test_a_long_segment_and_what_is_no_word_are_held() -> None:
    assert EARLY.safe("word " * 300) == 0
    assert EARLY.safe("see <b>this</b> and more words ") == len("see ")
    assert EARLY.safe("") == 0
