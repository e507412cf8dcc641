"""A canary cannot be foreseen, and is seen in any shape."""

from __future__ import annotations

import secrets

import pytest

from weighlock.detection.canary import FORMS, SIZE, candidates, mint
from weighlock.detection.material import Folded


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "shown", ["{}", "key={};", "x{}y9", "{}{}", "akiacus{}"], ids=["alone", "assigned", "glued", "twice", "behind"]
)
def test_a_canary_is_a_candidate_wherever_it_stands(form: str, shown: str) -> None:
    token = mint(form, secrets.choice)
    bare = Folded(token, digits=True).text

    assert len(bare) == SIZE
    assert bare in [value for _, value in candidates(Folded(shown.replace("{}", token), digits=True).text)]
    assert bare in [value for _, value in candidates(Folded(" - ".join(token).lower(), digits=True).text)]


@pytest.mark.parametrize("form", FORMS)
def test_no_two_are_the_same(form: str) -> None:
    assert len({mint(form, secrets.choice) for _ in range(100)}) == 100
