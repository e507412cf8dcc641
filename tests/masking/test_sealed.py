from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.masking.sealed import SEALED, opened, sealed

KEY, OTHER = b"k" * 32, b"o" * 32
ENTITIES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)


@given(ENTITIES, st.text(), st.text(alphabet="ab <>=-_"))
def test_what_was_sealed_is_opened_wherever_it_stands(entity: str, value: str, around: str) -> None:
    box = sealed(KEY, entity, value)

    assert SEALED.fullmatch(box)
    assert box == sealed(KEY, entity, value)
    assert opened(KEY, f"{around}{box}{around}") == (f"{around}{value}{around}", 1, 0)


def test_another_key_or_entity_opens_nothing() -> None:
    box = sealed(KEY, "PERSON", "Maria Lopez")

    assert "Maria" not in box
    assert opened(OTHER, box) == (box, 0, 1)
    renamed = box.replace("PERSON", "LOCATION")
    assert opened(KEY, renamed) == (renamed, 0, 1)


@pytest.mark.parametrize("text", ["", "plain", "<PERSON=short>", "<PERSON_ab12cd34>", "a=b"])
def test_what_is_not_sealed_stays(text: str) -> None:
    assert opened(KEY, text) == (text, 0, 0)


def test_a_damaged_one_stays() -> None:
    box = sealed(KEY, "PERSON", "Maria Lopez")
    damaged = box.replace("=", "=A", 1)

    assert opened(KEY, damaged) == (damaged, 0, 1)
