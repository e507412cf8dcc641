from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.console.shown import LINES, WORDS, Line, ago, changes, left, pieces, visible
from weighlock.holds import Mark, Shown

MARKS = st.lists(st.builds(Mark, st.integers(-3, 40), st.integers(-3, 40), st.sampled_from(["EMAIL", "KEY"])))


def a_prompt(*texts: str) -> tuple[Shown, ...]:
    return tuple(Shown(f"/messages/{at}", "content", text) for at, text in enumerate(texts))


@given(st.text(max_size=40), MARKS)
def test_a_text_is_shown_whole_and_in_order_whatever_is_marked(text: str, marks: list[Mark]) -> None:
    assert "".join(piece.sign or piece.text for piece in pieces(text, marks)) == visible(text)


@given(st.text(max_size=40))
def test_nothing_unseen_is_shown(text: str) -> None:
    assert all(char.isprintable() or char in "\n\t" or not char.isascii() for char in visible(text))
    assert not set(visible(text)) & set("\u202a\u202b\u202e\u2066\u200b\u200d\ufeff\u2028\x00\x1b\x7f")


def test_what_was_found_is_marked_by_its_name() -> None:
    shown = pieces("mail <EMAIL> now", [Mark(5, 12, "EMAIL")])

    assert [(piece.text, piece.entity) for piece in shown] == [("mail ", ""), ("<EMAIL>", "EMAIL"), (" now", "")]


def test_a_character_that_turns_others_around_is_named() -> None:
    assert [piece.sign for piece in pieces("a\u202eb")] == ["", "[U+202E]", ""]


def test_a_changed_word_is_shown_between_the_lines_around_it() -> None:
    (change,) = changes(a_prompt("a\nb\nc\nthe third quarter\nd"), a_prompt("a\nb\nc\nthe fourth quarter\nd"))

    assert [line.kind for line in change.lines] == ["gap", "same", "same", "gone", "new", "same"]
    assert change.lines[3].pieces == ((False, "the "), (True, "third"), (False, " quarter"))


@given(st.lists(st.sampled_from("ab"), max_size=8), st.lists(st.sampled_from("ab"), max_size=8))
def test_every_line_that_is_new_or_gone_is_shown(old: list[str], new: list[str]) -> None:
    (change,) = changes(a_prompt("\n".join(old)), a_prompt("\n".join(new)))
    said = [("".join(text for _, text in line.pieces), line.kind) for line in change.lines]
    kept = [text for text, kind in said if kind == "same"]

    assert (change.kind == "same") is ("\n".join(old) == "\n".join(new))
    if change.kind == "changed":
        gone, come = ([text for text, kind in said if kind == one] for one in ("gone", "new"))
        lines = "\n".join(old).split("\n"), "\n".join(new).split("\n")
        assert len(lines[0]) - len(gone) == len(lines[1]) - len(come) >= len(kept)


def test_texts_come_and_go() -> None:
    added = changes(a_prompt("a"), a_prompt("a", "b"))
    taken = changes(a_prompt("a", "b"), a_prompt("a"))

    assert [change.kind for change in added] == ["same", "new"]
    assert [change.kind for change in taken] == ["same", "gone"]
    assert added[1].lines == (Line("new", ((False, "b"),)),)


@pytest.mark.parametrize("lines", [LINES + 1, 50_000])
def test_what_is_too_long_is_not_compared(lines: int) -> None:
    (change,) = changes(a_prompt("a"), a_prompt("\n".join("b" * lines)))

    assert (change.kind, change.lines) == ("long", ())


def test_a_line_of_too_many_words_is_shown_whole() -> None:
    (change,) = changes(a_prompt("a " * WORDS), a_prompt("b " * WORDS))

    assert [line.pieces for line in change.lines] == [((True, "a " * WORDS),), ((True, "b " * WORDS),)]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86400 * 3, "3 d")]
)
def test_times_are_said_in_their_largest_unit(seconds: int, said: str) -> None:
    assert ago(1000 - seconds, 1000) == f"{said} ago"
    assert left(1000 + seconds, 1000) == (said if seconds > 0 else "over")
