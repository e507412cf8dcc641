"""Pseudonyms as models and programs write them anew: restored in a stream as in the whole, and in no time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import instructions
from masking.test_restore import BARE, MARIA, SPELLED, any_, back, vault
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.masking.apply import Rewrite
from weighlock.masking.reflow import plainly
from weighlock.masking.restore import merged, restored
from weighlock.masking.stream import StreamMasker
from weighlock.wire.sse import Sse


def test_marks_of_markdown_around_or_within_stay_in_pairs() -> None:
    for spelled, expected in [
        (f"**PERSON**_{MARIA.tag}", "Maria Lopez"),
        (f"`PERSON`_{MARIA.tag}", "Maria Lopez"),
        (f"PERSON_**{MARIA.tag}**", "Maria Lopez"),
        (f"**PERSON**_**{MARIA.tag}**", "**Maria Lopez**"),
        (f"`{MARIA.pseudonym}`", "`Maria Lopez`"),
        (f"_{BARE}_", "_Maria Lopez_"),
        (f"__{BARE}__", "__Maria Lopez__"),
        (f"***{MARIA.pseudonym}***", "***Maria Lopez***"),
    ]:
        assert back(f"It is {spelled}.", vault(MARIA)) == f"It is {expected}."


def test_in_an_address_what_is_put_back_is_encoded_too() -> None:
    for spelled in (f"%3C{BARE}%3E", f"PERSON%5F{MARIA.tag}", f"%3cperson%20{MARIA.tag}%3e"):
        assert back(f"https://x.example/?q={spelled}&r=1", vault(MARIA)) == "https://x.example/?q=Maria%20Lopez&r=1"


REFLOWED = st.sampled_from([*SPELLED, f"%3C{BARE}%3E", f"**PERSON**_{MARIA.tag}", f"_{BARE}_"])


@given(
    st.text(alphabet="a. <\n_*`\\%" + MARIA.tag, max_size=20),
    st.lists(REFLOWED, min_size=1, max_size=3),
    st.text("a. \n*`_>", max_size=20),
    st.data(),
)
def test_a_stream_restores_what_the_whole_does_however_it_is_cut(
    before: str, spelled: list[str], after: str, data: st.DataObject
) -> None:
    known = vault(MARIA)
    text = f"{'A sentence that is long enough to be cut behind. ' * 2}{before} {' and '.join(spelled)} {after}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    chunks = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20)
    out = b""
    for event in [*chunks, "[DONE]"]:
        texts = masker.feed(f"data: {event}\n\n".encode())
        out += b"".join(
            masker.release({one.pointer: [own for own, _ in restored(one.value, known, any_)] for one in texts})
        )

    said = [json.loads(event.data) for event in Sse().feed(out) if event.data != "[DONE]"]

    assert "".join(event["choices"][0]["delta"]["content"] for event in said) == back(text, known)


HARD = [
    MARIA.pseudonym,
    f"<PERSON {'*' * 6}{MARIA.tag}",
    f" {MARIA.tag}",
    "&amp;",
    "\\",
    "<_ ",
    "％",
    "%41",
    "<PERSON_ ",
]


@pytest.mark.parametrize("unit", HARD, ids=range(len(HARD)))
def test_a_text_made_to_be_hard_takes_no_longer_than_its_length(unit: str) -> None:
    text = f"{unit * (30_000 // len(unit))} {MARIA.tag} "
    start = time.process_time()
    restored(text, vault(MARIA), any_)

    assert time.process_time() - start < 1.0  # a tenth of it, usually


def test_masks_and_what_is_put_back_are_merged_in_one_pass() -> None:
    def merge(size: int) -> None:
        places = range(0, 40 * size, 40)
        own = [(Rewrite(at, at + 17, "Maria Lopez"), MARIA) for at in places]
        done, kept = merged([Rewrite(at + 20, at + 30, "<X>") for at in places], own)
        assert (len(done), len(kept)) == (2 * size, size)

    assert instructions(lambda: merge(400), "masking") < 12 * instructions(lambda: merge(40), "masking")


@given(st.lists(st.sampled_from(["%3C", "&lt;", "\\_", "\u200b", "Ｐ", "a", " ", "&amp;lt;", "𝐏", "é"]), max_size=12))
def test_each_character_comes_from_where_it_stands(pieces: list[str]) -> None:
    plain = plainly("".join(pieces))
    expected = [(piece, {"é": "é", "a": "a", " ": " ", "\u200b": ""}.get(piece)) for piece in pieces]
    at = position = 0
    for piece, same in expected:
        made = 1 if same is None else len(same)
        if made:
            assert plain.origin(position, position + 1) == (at, at + len(piece))
        at, position = at + len(piece), position + made

    assert len(plain.text) == position
