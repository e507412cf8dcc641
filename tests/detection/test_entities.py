from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.entities import Word, joined, tidied


def parts(entity: str, marked: str, after: str = "") -> list[str]:
    text = f"so {marked}{after}"
    return [text[start:end] for start, end in tidied(text, entity, 3, 3 + len(marked))]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("Maria Lopez's", ["Maria Lopez"]),
        ("Maria Lopez,", ["Maria Lopez"]),
        ("Maria Lopez\nAccountant", ["Maria Lopez", "Accountant"]),
        ("the Jones Company", ["Jones Company"]),
        ("O'Brien", ["O'Brien"]),
        ("Maria Lopez\nPhone: 555", ["Maria Lopez"]),
        ('He said "Maria', []),
        ("self.names[0]", []),
        ("20789", []),
        ("-- ", []),
    ],
)
def test_a_name_has_the_edges_of_a_name(marked: str, expected: list[str]) -> None:
    assert parts("PERSON", marked) == expected


def test_an_acronym_is_no_organization_but_a_company_is() -> None:
    assert parts("ORGANIZATION", "ASAP") == []
    assert parts("ORGANIZATION", "ASAP Logistics") == ["ASAP Logistics"]


@pytest.mark.parametrize(
    ("marked", "after", "expected"),
    [
        ("2007-01-17", " 23:08:55, and", ["2007-01-17 23:08:55"]),
        ("2007-01-17", "T23:08Z", ["2007-01-17T23:08Z"]),
        ("March 3, 2019", " was", ["March 3, 2019"]),
        ("3 March 2019", " was", ["3 March 2019"]),
        ("the summer of 1977", ".", ["1977"]),
        ("Thursday", "", []),
        ("a couple of months", "", []),
        ("4854645434159861", "", []),
        ("79 year old", "", []),
    ],
)
def test_a_date_is_one_that_could_be_looked_up(marked: str, after: str, expected: list[str]) -> None:
    assert parts("DATE_TIME", marked, after) == expected


@given(st.text(max_size=40), st.integers(0, 40), st.integers(0, 40), st.sampled_from(["PERSON", "ORGANIZATION"]))
def test_parts_are_in_order_and_within_what_was_marked(text: str, start: int, size: int, entity: str) -> None:
    end = min(len(text), start + size)
    last = start

    for first, stop in tidied(text, entity, start, end):
        assert last <= first < stop <= end
        assert text[first].isalnum()
        last = stop


def words(text: str, **marked: str) -> list[Word]:
    """Each word of *text*, marked as *marked* says."""
    return [Word(m.start(), m.end(), marked.get(m[0], ""), 0.9) for m in re.finditer(r"\w+", text)]


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("so Maria Lopez said", {"Maria": "PERSON", "Lopez": "PERSON"}, ["Maria Lopez"]),
        ("so Maria, Lopez said", {"Maria": "PERSON", "Lopez": "PERSON"}, ["Maria", "Lopez"]),
        ("is maria lopez there", {"maria": "PERSON", "lopez": "PERSON"}, ["maria lopez"]),
        ("to Rome by helicopter", {"Rome": "LOCATION", "helicopter": "PERSON"}, ["Rome"]),
        (
            "at 12 Rue Maria 3",
            {"12": "STREET_ADDRESS", "Rue": "PERSON", "Maria": "PERSON", "3": "STREET_ADDRESS"},
            ["12 Rue Maria 3"],
        ),
        (
            "at 12 High\nSuite 5\nLeeds",
            {"12": "STREET_ADDRESS", "High": "STREET_ADDRESS", "5": "STREET_ADDRESS", "Leeds": "LOCATION"},
            ["12 High\nSuite 5\nLeeds"],
        ),
        ("no 12345", {"12345": "ID_NUMBER"}, ["12345"]),
        ("no 1234", {"1234": "ID_NUMBER"}, []),
    ],
)
def test_marked_words_that_stand_together_are_one(text: str, marked: dict[str, str], expected: list[str]) -> None:
    assert [text[word.start : word.end] for word in joined(text, words(text, **marked))] == expected


@given(
    st.text(st.sampled_from("Ab1 ,.\n-"), max_size=40),
    st.lists(st.sampled_from(["", "PERSON", "STREET_ADDRESS", "LOCATION", "ID_NUMBER"])),
)
def test_joined_words_are_in_order_and_none_overlaps(text: str, entities: list[str]) -> None:
    marked = [Word(m.start(), m.end(), e, 0.5) for m, e in zip(re.finditer(r"\w+", text), entities, strict=False)]
    last = 0

    for word in joined(text, marked):
        assert last <= word.start < word.end <= len(text)
        last = word.end
