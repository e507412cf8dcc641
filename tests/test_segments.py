from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.errors import Unsupported
from weighlock.segments import HARD, SOFT, Segmenter, split

TEXTS = st.text(alphabet="abcdefgh @DE89.\n\r\t:=-5A…é\U0001f600", max_size=400)


@settings(max_examples=400)
@given(st.lists(TEXTS, max_size=8))
def test_every_way_of_feeding_gives_the_same_segments(parts: list[str]) -> None:
    segmenter = Segmenter()
    fed = [segment for part in parts for segment in segmenter.feed(part)] + segmenter.finish()

    assert fed == split("".join(parts))
    assert "".join(fed) == "".join(parts)


@settings(max_examples=200)
@given(TEXTS)
def test_a_segment_cut_alone_stays_whole(text: str) -> None:
    assert all(split(segment) == [segment] for segment in split(text))


SENTENCE = "This is a sentence that is long enough to stand for itself, and ends here. "


def test_a_text_is_cut_after_its_sentences_and_lines() -> None:
    assert split(SENTENCE * 3) == [SENTENCE] * 3
    assert split(("word " * 20 + "\n") * 2) == ["word " * 20 + "\n"] * 2
    assert split(("Word " * 20 + "\n\n") * 2) == ["Word " * 20 + "\n\n"] * 2


@pytest.mark.parametrize(
    "value",
    [
        "4111 1111\n1111 1111",
        "078-05-\n1120",
        "DE89 3704\n0044 0532 0130 00",
        "password:\nhunter2hunter2",
        "Dr. Maria Lopez",
        "Maria\nLopez",
        "maria.lopez\n@example.com",
        "maria.lopez@exam\nple.com",
        "maria.lop\nez@example.com",
        "Maria Lopez\r\n12 Elm Street\r\nSpringfield, IL 62704\r\nUSA",
        "m a r i a . l o p e z @ e x a m p l e . c o m",
        f"{'Qk2/' * 19}\n{'bM+3' * 19}\nQUJD",
        "-----BEGIN PRIVATE KEY-----\nabc\ndef\n-----END PRIVATE KEY-----",
    ],
)
@pytest.mark.parametrize("before", ["", SENTENCE, "y" * (SOFT - 10) + " "])
def test_no_cut_goes_through_a_value(before: str, value: str) -> None:
    assert any(value in segment for segment in split(f"{before}It is {value} as said. {SENTENCE}"))


def test_a_long_run_of_words_is_cut_at_white_space() -> None:
    segments = split("word " * 5000)

    assert max(map(len, segments)) <= SOFT + 10
    assert all(segment.endswith(" ") for segment in segments)


@pytest.mark.parametrize("unit", ["x", "1 ", "1\n"])
def test_a_text_without_a_place_to_cut_is_refused(unit: str) -> None:
    with pytest.raises(Unsupported, match="unsplittable"):
        split(unit * (HARD + 1))


def test_an_open_block_that_never_ends_is_cut_all_the_same() -> None:
    assert len(split("-----BEGIN PRIVATE KEY-----\n" + "line of text\n" * 5000)) > 1
