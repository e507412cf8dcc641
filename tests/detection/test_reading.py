from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.entities import Word
from weighlock.detection.reading import credible, full_names, has_name_like, is_code, seconded, worth_reading

CODE = "def run(self, *args):\n    return self.go(args[0], key='value')\n"
LOG = '2026-11-23T07:00:00Z INFO http.server GET /v1/items?id=42 200 13ms trace=9f2c "-" pool=3/8'
JSON = '{"id": 4711, "kind": "refund", "items": [{"sku": "A-1", "count": 2}], "total": 19.90}'
PROSE = "The committee met in the morning, and it put the decision off until the next week. However, nobody asked."


def word(text: str, value: str, entity: str = "PERSON", score: float = 0.6) -> Word:
    start = text.index(value)
    return Word(start, start + len(value), entity, score)


ENDLESS = "\n".join(["a" * 64 + " and"] * 20)


@pytest.mark.parametrize("text", [CODE, LOG, JSON, ENDLESS])
def test_code_logs_and_data_without_names_are_not_read(text: str) -> None:
    assert is_code(text)
    assert not worth_reading(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"customer": "Maria Lopez", "id": 4711, "total": 19.90}',
        '07:00:00 WARN mailer[42]: bounce="550" user Jürgen Müller <j@x.example> id=9f2c',
        'assert greet(name="Ana de la Cruz") == {"ok": True}  # x[0]',
        "4711;Łukasz Nowak;2026-11-23;19.90;paid;[x=1];{y}",
        f"{ENDLESS}\nMaria Lopez\n{ENDLESS}",
    ],
)
def test_full_names_are_read_even_in_data(text: str) -> None:
    assert is_code(text)
    assert worth_reading(text)


@pytest.mark.parametrize(
    "text",
    [
        "The committee met with Maria in the morning, and it put the decision off until the next week.",
        "Maria met the committee in the morning, and they put the decision off until the next week there.",
        "my name is maria and i would like to know where my parcel is, it was sent a week ago or so",
        "Il comitato ha incontrato Giulia in mattinata e ha rinviato la decisione alla prossima settimana.",
        "Call Maria.",
        "is it for maria?",
    ],
)
def test_prose_that_may_name_somebody_is_read(text: str) -> None:
    assert not is_code(text)
    assert worth_reading(text)


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "Das ist so, wie es war, und nicht anders: aber wenn es nach mir ginge, dann wäre es morgen vorbei.",
        "Pour le moment il n'y a rien de nouveau, mais nous en parlerons quand vous serez de retour ici.",
    ],
)
def test_long_prose_whose_only_capitals_begin_sentences_is_not_read(text: str) -> None:
    assert not worth_reading(text)


@pytest.mark.parametrize(
    "text", ["4111 1111 1111 1111, " * 4, "a@" * 200, "J a " * 40, "...", "一 二 " * 30, "4111 " * 30 + "and"]
)
def test_what_holds_no_words_is_not_read(text: str) -> None:
    assert not worth_reading(text)


def test_a_capital_that_another_model_explained_is_no_reason_to_read() -> None:
    text = "The committee met with Maria in the morning."

    assert has_name_like(text)
    assert not has_name_like(text, [word(text, "Maria")])


@given(st.text(max_size=300))
def test_any_text_can_be_judged_and_what_was_marked_is_never_more(text: str) -> None:
    marked = [Word(at, at + 1, "PERSON", 0.95) for at, char in enumerate(text) if char.isalpha()]

    assert worth_reading(text) in (True, False)
    assert set(credible(text, marked)) <= set(marked)
    assert all(0 <= start < end <= len(text) for start, end in full_names(text))


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("It returns a CompletedProcess in the end.", "CompletedProcess", "ORGANIZATION"),
        ("Set $HOME before.", "HOME", "LOCATION"),
        ("You go on to smash through it.", "smash", "PERSON"),
        ("It goes to DEVNULL then.", "DEVNULL", "PERSON"),
        (CODE, "args", "PERSON"),
    ],
)
def test_identifiers_and_common_words_are_no_names(text: str, value: str, entity: str) -> None:
    assert credible(text, [word(text, value, entity)]) == []


@pytest.mark.parametrize(
    ("text", "value", "score"),
    [
        ("We met McDonald there.", "McDonald", 0.6),
        ("We met Maria there.", "Maria", 0.6),
        ("MARIA IS THERE.", "MARIA", 0.6),
        ("maria is there.", "maria", 0.6),
        ("My name is rubija.", "rubija", 0.97),
        ('{"customer": "Maria Lopez"}', "Maria Lopez", 0.6),
    ],
)
def test_names_stay_names(text: str, value: str, score: float) -> None:
    marked = word(text, value, score=score)

    assert credible(text, [marked]) == [marked]


def test_a_person_counts_only_where_the_other_model_has_any_doubt() -> None:
    text = "For more, see Guilty Pleasures by Maria."
    marked = [word(text, "Guilty Pleasures"), word(text, "Maria")]
    doubted = [word(text, value) for value in ("For", "more", "see", "Guilty", "Pleasures", "by")]

    assert seconded(text, marked, doubted, known=True) == [marked[1]]


def test_a_single_word_that_begins_a_sentence_needs_more_than_its_capital() -> None:
    text = "Pedestrians wait. They come from Siemens."
    marked = [word(text, "Pedestrians", "NRP"), word(text, "Siemens", "ORGANIZATION")]

    assert seconded(text, marked, [], known=True) == [marked[1]]


def test_an_address_has_a_name_and_a_number_or_a_capital() -> None:
    text = "It is about locks, 2231, item 7, by the way, Hauptstraße, and oak street 5 there."
    values = ("locks", "2231", "item 7", "by the way", "Hauptstraße", "oak street 5")
    marked = [word(text, value, "STREET_ADDRESS") for value in values]

    assert credible(text, marked) == marked[4:]


def test_in_a_language_that_a_model_does_not_know_only_full_names_count() -> None:
    text = "Die Lieferung für Sabine Krause kommt am Montag."
    marked = [word(text, value) for value in ("Die Lieferung", "Sabine Krause", "Montag")]

    assert seconded(text, marked, [], known=False) == [marked[1]]
