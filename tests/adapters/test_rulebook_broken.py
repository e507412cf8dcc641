from __future__ import annotations

from pathlib import Path

import pytest

import smallrules
from broken import BROKEN, KEY
from weighlock.adapters import rulewatch
from weighlock.adapters.rulewatch import Rulebook
from weighlock.adapters.signed import Signed
from weighlock.masking.operators import OPERATORS


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_policy_leaves_the_last_good_one_in_force(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    folder = smallrules.write(tmp_path / "rules")
    KEY.sign(folder, 7)
    book = Rulebook(folder, OPERATORS, lambda *_: None, Signed(KEY.public, tmp_path))
    book.check()
    before = book.current
    breaks, said = BROKEN[what]
    breaks(folder)
    event = book.check()

    assert event is not None
    assert (event[0], said in event[1]) == ("rejected", True), event
    assert (book.current, book.current.version) == (before, 7)
