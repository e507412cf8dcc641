"""Texts made to take long take no longer than prose of their length."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.test_evasions import findings
from weighlock.detection.seen import words

_SPEC = importlib.util.spec_from_file_location(
    "hostile", Path(__file__).parents[2] / "scripts" / "benches" / "hostile.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
HOSTILE = _MODULE.HOSTILE


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_made_to_take_long_does_not(name: str) -> None:
    text = HOSTILE[name](10_000)
    findings("warm")
    start = time.process_time()
    findings(text)

    assert time.process_time() - start < 3.0  # prose takes half a second


@given(st.lists(st.sampled_from(["((((((", "a", "1\n", "\n", " ", "é", "x.y" * 50, "'s"]), max_size=80).map("".join))
def test_a_model_reads_every_word_in_its_place(text: str) -> None:
    read = words(text)

    assert len(read) == len(text)
    assert all(shown == char for shown, char in zip(read, text, strict=True) if char.isalnum())
