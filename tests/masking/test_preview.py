from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builders import a_finding, a_text
from weighlock.masking.preview import preview
from weighlock.model import Role


def test_whatever_was_found_is_masked_and_marked() -> None:
    text = "mail a@b.example or call 5550100 now"
    found = [a_finding("PHONE_NUMBER", 25, 32), a_finding("EMAIL_ADDRESS", 5, 16)]
    (shown,) = preview([a_text(text)], found)

    assert shown.text == "mail <EMAIL_ADDRESS> or call <PHONE_NUMBER> now"
    assert [(shown.text[mark.start : mark.end], mark.entity) for mark in shown.marks] == [
        ("<EMAIL_ADDRESS>", "EMAIL_ADDRESS"),
        ("<PHONE_NUMBER>", "PHONE_NUMBER"),
    ]


def test_words_of_the_api_are_left_out_unless_something_was_found_in_them() -> None:
    texts = [
        a_text("gpt", role=Role.PARAMETER, pointer="/model"),
        a_text("a=5550100", role=Role.QUERY, pointer="query:a"),
    ]
    (shown,) = preview(texts, [a_finding("PHONE_NUMBER", 2, 9, pointer="query:a")])

    assert (shown.pointer, shown.role, shown.text) == ("query:a", "query", "a=<PHONE_NUMBER>")
    assert preview(texts, ()) == ()


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=8, unique=True))
def test_what_is_not_marked_is_what_was_not_found(text: str, cuts: list[int]) -> None:
    places = sorted(min(cut, len(text)) for cut in cuts)
    pairs = [(a, b) for a, b in zip(places[::2], places[1::2], strict=False) if a < b]
    (shown,) = preview([a_text(text)], [a_finding("X", a, b) for a, b in pairs])

    rest, position = "", 0
    for mark in shown.marks:
        assert shown.text[mark.start : mark.end] == "<X>"
        rest, position = rest + shown.text[position : mark.start], mark.end
    kept, position = "", 0
    for a, b in pairs:
        kept, position = kept + text[position:a], b
    assert rest + shown.text[shown.marks[-1].end if shown.marks else 0 :] == kept + text[position:]
