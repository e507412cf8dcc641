"""Views of a text, and the way back from them."""

from __future__ import annotations

import base64
import gzip
import html
import json
import string
import time
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weighlock.detection.views import JOINED, View, views
from weighlock.errors import Unsupported

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PIECES = st.sampled_from(
    [
        *("\\u0041", "\\n", "\\\\", "&#64;", "&amp;", "%41", "%25", "%C3%A9", "<b>", "</td>", "**", "`", "\u200b", "é"),
        *("ﬁ", "４", "с", "e\u0301", "TWFyaWEgTG9wZXo=", "4d617269612e4c6f70657a", "4 1 1 1 1 1 1 1 1 1", "word", "7"),
        *("a.b.c.d.e.f.g.h.i.j", "one two three four five six seven eight nine", "a (at) b (dot) io", "x1\ny2", " "),
        *(
            "abc4111 1111 1111 1111x",
            "akia2345abcdefghijkl",
            "QR89 3704 0044 0532",
            "98ED",
            "M4r14 L0p3z",
            "a@b.c0m",
            "4111111111111111.0",
            "1.234567891e9",
        ),
    ]
)
HIDDEN = st.lists(st.one_of(PIECES, PIECES, PLAIN), max_size=12).map("".join)


def shown(text: str) -> dict[str, View]:
    return {view.name: view for view in views(text)}


def canonical(text: str) -> str:
    return next((view.text for view in views(text) if view.name == "canonical"), text)


@given(HIDDEN)
def test_what_a_view_shows_comes_from_within_the_text_in_its_order(text: str) -> None:
    for view in views(text):
        places = [view.origin(at, at + 1) for at in range(len(view.text))]
        starts, ends = [start for start, _ in places], [end for _, end in places]

        assert all(0 <= start < end <= len(text) for start, end in places)
        assert starts == sorted(starts)
        assert ends == sorted(ends)


@given(HIDDEN, st.data())
def test_a_span_of_a_view_comes_from_all_that_its_characters_come_from(text: str, data: st.DataObject) -> None:
    for view in views(text):
        if not view.text:
            continue
        start = data.draw(st.integers(0, len(view.text) - 1))
        end = data.draw(st.integers(start + 1, len(view.text)))

        assert view.origin(start, end) == (view.origin(start, start + 1)[0], view.origin(end - 1, end)[1])


@given(HIDDEN)
def test_what_a_view_did_not_change_is_what_stands_there(text: str) -> None:
    for view in views(text):
        for at, char in enumerate(view.text):
            if view.base and not any(start <= at < end for start, end in view.spans):
                (start, end), base = view.origin(at, at + 1), view.base
                assert char in {base.text[i] for i in range(len(base.text)) if base.origin(i, i + 1) == (start, end)}


@given(PLAIN)
def test_the_views_of_a_canonical_text_do_not_have_another(text: str) -> None:
    plain = canonical(text)

    assert canonical(plain) == plain


ENCODINGS: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON twice": lambda text: json.dumps(json.dumps(text))[3:-3],
    "entities": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "escaped": html.escape,
    "percent": urllib.parse.quote,
    "percent twice": lambda text: urllib.parse.quote(urllib.parse.quote(text)),
    "zero-width": "\u200d".join,
    "entities of JSON": lambda text: html.escape(json.dumps(text))[6:-6],
}
WORDS = st.text(string.ascii_letters + string.digits + " @.-é😀", min_size=2, max_size=40)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(text=WORDS)
def test_the_canonical_view_undoes_an_encoding_and_covers_it(encode: Callable[[str], str], text: str) -> None:
    hidden = encode(text)
    if hidden == text:
        return
    view = shown(f"||{hidden}||")["canonical"]
    start = view.text.index(canonical(text))

    assert view.origin(start, start + len(canonical(text))) == (2, 2 + len(hidden))


LAYERS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base32": lambda data: base64.b32encode(data).decode(),
    "base64 in lines": lambda data: base64.encodebytes(data).decode().rstrip(),
    "hex": bytes.hex,
    "0x": lambda data: "0x" + data.hex().upper(),
    "gzip": lambda data: base64.b64encode(gzip.compress(data)).decode(),
    "zlib": lambda data: base64.b64encode(zlib.compress(data)).decode(),
    "hex of base64": lambda data: base64.b64encode(data).hex(),
    "base64 four times": lambda data: nested(data, 4),
    "UTF-16": lambda data: base64.b64encode(data.decode().encode("utf-16-le")).decode(),
}


def nested(data: bytes, times: int) -> str:
    for _ in range(times):
        data = base64.b64encode(data)
    return data.decode()


@pytest.mark.parametrize("encode", LAYERS.values(), ids=LAYERS)
@given(text=st.text(string.ascii_letters + string.digits + " @.-", min_size=14, max_size=80))
def test_a_layer_is_opened_and_is_a_whole(encode: Callable[[bytes], str], text: str) -> None:
    text = f"Aa{text}"
    assume("decoded" not in shown(text))  # what looks encoded itself is opened further
    run = encode(text.encode())
    view = shown(f"it is {run} .")["decoded"]

    assert view.text in (f"it is {text} .", canonical(f"it is {text} ."))
    assert view.origin(8, 12) == (6, 6 + len(run))


@pytest.mark.parametrize("text", ["Aa40040040040040", "lossnumb soon"])
def test_base64_is_opened_whatever_letters_it_has(text: str) -> None:
    run = base64.b64encode(text.encode()).decode()

    assert text in shown(f"it is {run} .")["decoded"].text


def test_ordinary_prose_has_no_other_view() -> None:
    assert views("Dear Mr. Müller, the year's result (12 %) is, as you know, 3.5 M: see page 7-9.\nYours") == []


def test_compressed_data_that_grows_without_measure_is_refused() -> None:
    bomb = base64.b64encode(gzip.compress(b"a" * 10_000_000)).decode()

    with pytest.raises(Unsupported, match="compression-bomb"):
        views(bomb)


def test_encodings_within_each_other_without_end_are_refused() -> None:
    with pytest.raises(Unsupported, match="nested-encoding"):
        views(nested(b"My name is Maria Lopez", 12))


def test_a_canonical_text_has_no_invisible_character_and_no_foreign_digit() -> None:
    every = "".join(char for char in map(chr, range(0x110000)) if unicodedata.category(char) in ("Cf", "Nd"))

    made = canonical(f"a{every}b")

    assert made.isascii()
    assert set(made) <= set("ab" + string.digits)


HARD = {
    "backslashes": "\\" * 200_000,
    "percents": "%25" * 70_000,
    "ampersands": "&amp;" * 40_000 + "amp;" * 10_000,
    "angles": "<a " * 70_000,
    "one word": "a" * 200_000,
    "digits apart": "1 " * 100_000,
    "dotted": "1." * 100_000,
    "numbers": "one " * 50_000,
    "ats": "a at " * 40_000,
    "dots in words": "a dot " * 40_000,
    "fullwidth": "Ａ" * 200_000,
    "marks": "a" + "\u0301" * 200_000,
    "lines": "1\n" * 100_000,
    "groups": "1111 " * 40_000,
    "glued groups": "a1111 11b" * 30_000,
    "codes": "AB12 CDEF " * 20_000,
    "capitals": "A" * 200_000,
    "leet": "L0p3z " * 40_000,
    "leet hosts": "a@b.c0m" * 40_000,
    "short base64": "TWFyaWEgTG9wZXo= " * 12_000,
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_a_text_made_to_be_hard_takes_no_longer_than_its_length(text: str) -> None:
    def cost(text: str) -> float:
        start = time.process_time()
        views(text)
        return time.process_time() - start

    assert cost(text) < 4.0
    assert all(len(view.text) <= 20 * len(text) for view in views(text))


def test_joined_views_are_named() -> None:
    text = "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 and one two three four five six seven eight nine at 1\n2"

    assert {view.name for view in views(text)} == JOINED


def test_every_letter_table_entry_is_one_letter() -> None:
    assert canonical("Ѕесrеt Маriа") == "Secret Maria"
    assert canonical("Привет, мир") == "Привет, мир"
