from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.matrix import PLANTED, hidden, rewrites
from weighlock.dialects.openai import DIALECT
from weighlock.masking.apply import apply
from weighlock.masking.stream import touched

A, B = PLANTED[:3], PLANTED[3:]
NEW = rewrites(PLANTED)[0].new


def masked(reply: Any) -> Any:
    said = DIALECT.named("audio.transcriptions").read_reply(json.dumps(reply).encode())
    assert said.body
    found = hidden(said.texts)
    values = {text.pointer: text.value for text in said.texts}
    gone = set(said.dropped).union(*(touched(said.spelled.get(place, ()), new) for place, new in found.items()))
    texts = {place: apply(values[place], new) for place, new in found.items()}
    return json.loads(said.body.rewrite(texts).without(gone).dumps())


def words(*said: str) -> list[dict[str, Any]]:
    return [{"word": word, "start": 0.5, "end": 1.5} for word in said]


def segments(*said: str) -> list[dict[str, Any]]:
    return [{"id": number, "text": text, "tokens": [1, 2]} for number, text in enumerate(said)]


def test_a_clean_transcript_stays_as_it_is() -> None:
    clean = {"text": " It is, yes.", "words": words("It", "is", "yes"), "segments": segments(" It is,", " yes.")}

    assert masked(clean) == clean


def test_words_that_are_masked_in_the_text_are_left_out() -> None:
    out = masked({"text": f"It is {PLANTED}, yes.", "words": words("It", "is", PLANTED, "yes")})

    assert out == {"text": f"It is {NEW}, yes.", "words": words("It", "is", "yes")}


def test_a_word_in_two_goes_with_both() -> None:
    out = masked({"text": f"It is {PLANTED}, yes.", "words": words("It", "is", A, B, "yes")})

    assert out["words"] == words("It", "is", "yes")


def test_a_segment_is_masked_and_its_token_ids_are_not_told() -> None:
    out = masked({"text": f"It is {PLANTED}. Yes.", "segments": segments(f" It is {PLANTED}.", " Yes.")})

    assert out["segments"] == [{"id": 0, "text": f" It is {NEW}.", "tokens": None}, segments("", " Yes.")[1]]


def test_segments_between_which_something_is_masked_are_left_out() -> None:
    out = masked({"text": f"Oh. It is {PLANTED}. Yes.", "segments": segments("Oh.", f"It is {A}", f"{B}.", "Yes.")})

    assert [one["text"] for one in out["segments"]] == ["Oh.", "Yes."]


@pytest.mark.parametrize(
    "said",
    [
        words("It", "was"),
        words("is", "It"),
        words("It"),
        [{"text": "It"}],
        ["It", "is"],
        "It is",
        {"word": "It is"},
        [{"word": 7}],
    ],
    ids=str,
)
def test_words_of_another_text_are_dropped(said: Any) -> None:
    assert masked({"text": "It is", "words": said})["words"] is None


def test_words_without_a_text_are_dropped() -> None:
    assert masked({"words": words(A, B)}) == {"words": None}
