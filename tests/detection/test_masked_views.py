"""What was found in a view is gone from every view of the masked text."""

from __future__ import annotations

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detection.evasions import EVASIONS, VALUES, values
from detection.test_evasions import findings
from weighlock.detection.views import views
from weighlock.masking.apply import Rewrite, apply

UNDONE = [name for name in EVASIONS if name not in ("rot13", "reversed", "leetspeak", "newline")]
"""Of the others, the value itself stands in no view even before, or is found by chance."""
EXACT = sorted(set(VALUES) - {"PERSON"})
"""A model may find one name of two."""
AROUND = st.lists(
    st.sampled_from(
        ["and so on", "\n", "7", "it's", "**", "<br>", "\\n", "%20", "é", "—", "a", "(x)", "dGhlIHNtYWxsIHByaW50", "."]
    ),
    max_size=6,
).map(" ".join)
PART = 6
"""Letters and digits; fewer in a row say nothing."""


def masked(text: str) -> str:
    return apply(text, [Rewrite(f.start, f.end, f"<{f.entity}>") for f in findings(text)])


def squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def left(value: str, text: str) -> list[str]:
    """The parts of *value* that can be read in *text*."""
    whole = squeezed(value)
    parts = {whole[at : at + PART] for at in range(len(whole) - PART + 1)}
    seen = [squeezed(text), *(squeezed(view.text) for view in views(text))]
    return sorted(part for part in parts if any(part in each for each in seen))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(EXACT), st.integers(0, 99), st.sampled_from(UNDONE), st.sampled_from(UNDONE), AROUND, AROUND)
def test_what_is_found_is_gone_from_every_view(
    entity: str, seed: int, inner: str, outer: str, before: str, behind: str
) -> None:
    assume(outer not in ("spaces", "dots") or inner not in ("HTML tags", "at and dot"))  # no address any more
    sentence, value = values(seed)[entity]
    hidden = EVASIONS[outer](EVASIONS[inner](value))
    text = f"{before} {sentence.replace('{}', hidden)} {behind}"
    assume(any(f.entity == entity for f in findings(text)))

    assert left(value, masked(text)) == []
    assert not any(f.entity == entity for f in findings(masked(text)))


def test_the_test_finds_what_it_looks_for() -> None:
    assert left("4111 1111 1111 1111", "see 4111-1111 and MTExMTExMTExMTExMTEx") != []
    assert left("maria.lopez@example.com", "m a r i a @ e x a m p l e") != []


def test_what_is_found_within_encoded_text_is_said_to_be_encoded() -> None:
    hidden = EVASIONS["base64"](EVASIONS["spaces"]("DE89 3704 0044 0532 0130 00"))

    (found,) = [f for f in findings(f"{hidden} is the IBAN") if f.entity == "IBAN_CODE"]

    assert (found.start, found.end, found.view) == (0, len(hidden), "decoded")
