"""A known value is found however it is written, and a value that is in every text is refused."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from weighlock.detection.exact import beginning, candidates, normal, shape, unfit


def spans(text: str, *values: str) -> list[str]:
    wanted = {normal(value) for value in values}
    shapes, beginnings = {shape(value) for value in wanted}, {beginning(value) for value in wanted}
    found = list(candidates(text, shapes, beginnings.__contains__))
    assert found == [one for one in candidates(text, shapes, lambda _: True) if beginning(one[2]) in beginnings]
    return [text[start:end] for start, end, value in found if value in wanted]


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("CUST-004711", "about CUST-004711, please", "CUST-004711"),
        ("CUST-004711", "about cust 004711.", "cust 004711"),
        ("CUST-004711", "id=CUST004711&x", "CUST004711"),
        ("CUST-004711", "cust_004711", "cust_004711"),
        ("CUST004711", "(cust-004711)", "cust-004711"),
        ("Zoë Ångström", "for ZOË  ÅNGSTRÖM here", "ZOË  ÅNGSTRÖM"),
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "DE89370400440532013000"),
        ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
        ("10023344", "no. 1002-3344", "1002-3344"),
    ],
)
def test_a_value_is_found_however_it_is_written(value: str, text: str, found: str) -> None:
    assert spans(text, value) == [found]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10023344", "1002, 3344"),
        ("10023344", "110023344"),
        ("CUST-004711", "CUST-0047112"),
        ("Anna Berg", "Anna said that Berg"),
    ],
)
def test_what_only_looks_like_it_is_not(value: str, text: str) -> None:
    assert spans(text, value) == []


WORDS = st.text("abcÄßιςİ0123456789", min_size=2, max_size=9)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), st.data(), st.text(max_size=60), st.text(max_size=60))
def test_every_value_that_is_fit_is_found_however_its_words_are_joined(
    words: list[str], data: st.DataObject, before: str, behind: str
) -> None:
    value = "7x" + " ".join(words)
    joined = "7x" + "".join(data.draw(st.sampled_from(["", " ", "-", "."])) + word for word in words)
    assume(len(normal(value)) == len("7x" + "".join(words)))

    assert unfit(value) == ""
    assert joined in spans(f"{before} ; {joined} ; {behind}", value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "too short"),
        ("ab1", "too short"),
        ("12345", "too short"),
        ("1-2-3", "too short"),
        ("March", "a single word"),
        ("Schmidt", "a single word"),
        ("000000000", "one character repeated"),
        ("x9" * 70, "too long"),
        (" ".join("abcdefghijklm"), "too long"),
        ("123456", ""),
        ("ab12", ""),
        ("Anna Schmidt", ""),
    ],
)
def test_values_that_stand_in_every_text_are_refused(value: str, reason: str) -> None:
    assert unfit(value) == reason
