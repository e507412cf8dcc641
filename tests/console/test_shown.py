from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.console.shown import LINES, SIGNS, Line, ago, changes, left, pieces, visible
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


def test_every_character_that_is_not_seen_is_named_and_no_other_letter() -> None:
    everything = "".join(map(chr, range(0x10000)))
    parts = (everything[at : at + SIGNS] for at in range(0, len(everything), SIGNS))
    named = {chr(int(piece.sign[3:-1], 16)) for part in parts for piece in pieces(part) if piece.sign}
    unseen = {char for char in everything if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")}
    assert unseen - named == set("\n\t")
    assert {char for char in named - unseen if unicodedata.category(char) != "Cn"} == set(
        "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    ) | {chr(code) for code in range(0xFE00, 0xFE10)}
    assert visible("a\U000e0100\U000e0041") == "a[U+E0100][U+E0041]"


@pytest.mark.parametrize(
    ("text", "count"),
    [("Some words of a prompt, and no more.\n" * 20_000, 1), ("a\u200b" * 20_000, 1), ("a\u200b" * SIGNS, 2 * SIGNS)],
    ids=["plain", "unseen without end", "unseen"],
)
def test_a_text_without_end_is_a_few_pieces(text: str, count: int) -> None:
    shown = pieces(text)

    assert len(shown) == count
    assert "".join(piece.sign or piece.text for piece in shown) == visible(text)


def test_no_prompt_takes_for_ever_to_compare() -> None:
    old = "\n".join("a " * 190 + str(at) for at in range(1000))
    new = "\n".join("a b " * 95 + f"{at}x" for at in range(1000))
    started = time.process_time()
    (change,) = changes(a_prompt(old), a_prompt(new))

    assert time.process_time() - started < 5.0
    assert "\n".join("".join(said for _, said in line.pieces) for line in change.lines if line.kind == "new") == new


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
    (change,) = changes(a_prompt("a " * 3000), a_prompt("b " * 3000))

    assert [line.pieces for line in change.lines] == [((True, "a " * 3000),), ((True, "b " * 3000),)]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86400 * 3, "3 d")]
)
def test_times_are_said_in_their_largest_unit(seconds: int, said: str) -> None:
    assert ago(1000 - seconds, 1000) == f"{said} ago"
    assert left(1000 + seconds, 1000) == (said if seconds > 0 else "over")
