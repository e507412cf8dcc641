from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.entities import tidied


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
        ("Thursday", "", ["Thursday"]),
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
