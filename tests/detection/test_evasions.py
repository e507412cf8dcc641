"""Seven values in 36 disguises, and text that must not be taken for any."""

from __future__ import annotations

import base64
import functools
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from detection.evasions import EVASIONS, VALUES, values
from weighlock import rulefile
from weighlock.adapters.inspector.engine import Engine
from weighlock.detection import rules
from weighlock.model import Finding, Role, Text
from weighlock.segments import split

FOLDER = Path(__file__).parents[2] / "rules"
FOUND = 235
"""Of 252. Hidden so that nobody could tell it from what it seems to be: most of the rest."""


@functools.cache
def engine() -> Engine:
    made = Engine(bytes(32))
    files = sorted((FOLDER / "detect").rglob("*.yaml"))
    named = {path.relative_to(FOLDER).as_posix(): rulefile.parse(path.read_text(), path.name) for path in files}
    made.use(rules.rule_set(named).rules)
    return made


def findings(text: str) -> list[Finding]:
    return engine().inspect([Text("/x", Role.CONTENT, text)])


def view_of(entity: str, evasion: str, values: Mapping[str, tuple[str, str]] = VALUES) -> str:
    """The view in which it was found; empty where less than half of it was."""
    sentence, value = values[entity]
    hidden = EVASIONS[evasion](value)
    text = sentence.replace("{}", hidden)
    shown = value if value in text else hidden
    start = text.index(shown)
    end = start + len(shown)
    found = [f for f in findings(text) if f.entity == entity and f.start < end and f.end > start]
    covered = sum(min(end, f.end) - max(start, f.start) for f in found)
    return found[0].view if 2 * covered >= end - start else ""


ALWAYS = [
    ("CREDIT_CARD", "zero-width spaces", "canonical"),
    ("EMAIL_ADDRESS", "HTML entities", "canonical"),
    ("AWS_ACCESS_KEY_ID", "gzip in base64", "decoded"),
    ("PERSON", "base64", "decoded"),
    ("IBAN_CODE", "spaces", "despaced"),
    ("CREDIT_CARD", "digits as words", "spoken"),
    ("EMAIL_ADDRESS", "at and dot", "spoken"),
    ("AWS_ACCESS_KEY_ID", "newline", "unwrapped"),
    ("US_SSN", "plain", "raw"),
    ("US_SSN", "glued to words", "parted"),
    ("AWS_ACCESS_KEY_ID", "lower case", "raised"),
    ("IBAN_CODE", "rot13", "rot13"),
    ("AWS_ACCESS_KEY_ID", "reversed", "reversed"),
    ("PERSON", "leetspeak", "lettered"),
    ("IBAN_CODE", "newline", "unwrapped"),
]


@pytest.mark.parametrize(("entity", "evasion", "view"), ALWAYS)
def test_a_value_is_found_in_the_view_that_shows_it(entity: str, evasion: str, view: str) -> None:
    assert view_of(entity, evasion) == view


@pytest.mark.parametrize("by", [".0", ".00", ",0", "e0", "E+00", "e"])
def test_a_card_that_is_written_as_a_quantity_is_found(by: str) -> None:
    card = VALUES["CREDIT_CARD"][1].replace(" ", "")
    said = f"{card[0]}.{card[1:]}e{len(card) - 1}" if by == "e" else card + by
    text = f"They paid {said}, and more."

    assert [(f.entity, text[f.start : f.end]) for f in findings(text)] == [("CREDIT_CARD", said)]


def test_cards_in_a_table_of_quantities_are_found() -> None:
    found = findings("4111111111111111.0,5555555555554444.0\n1,378282246310005.0,2")

    assert [f.entity for f in found] == ["CREDIT_CARD"] * 3
    assert {f.end - f.start for f in found} == {17, 18}


@pytest.mark.parametrize(
    "text",
    ["4111111111111111.5", "4111111111111111.0.1", "x4111111111111111.0", "4.1111e15", "0.4111111111111111e0", "4e15"],
)
def test_another_quantity_is_no_card(text: str) -> None:
    assert "CREDIT_CARD" not in {f.entity for f in findings(f"They paid {text} of it.")}


@pytest.mark.parametrize("seed", range(3))
def test_most_disguises_of_most_values_are_seen_through(seed: int) -> None:
    chosen = values(seed) if seed else VALUES
    missed = [
        f"{evasion}: {entity}" for evasion in EVASIONS for entity in VALUES if not view_of(entity, evasion, chosen)
    ]

    assert 252 - len(missed) >= FOUND, missed


def lines(make: str, count: int) -> str:
    chance = random.Random(make)
    return "\n".join("".join(str(chance.randrange(10)) if char == "#" else char for char in make) for _ in range(count))


ORDINARY = {
    "a column of dates and numbers": lines("2024####", 300),
    "a table": lines("4###,5###,3###,####", 300),
    "a log": lines("17########.### INFO worker ## took ### ms, sent ######", 300),
    "a matrix": lines("# # # # # # # # # # # # # # # #", 60),
    "a list": "[" + lines("#, #, #, #, #, #, #, #, #,", 60) + "]",
    "a version": "1.2.3.4.5.6.7.8.9.10 and 1-2-3-4-5-6-7-8-9",
    "counting": "one two three four five six seven eight nine ten, at last dot com",
    "an image": base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(50_000)).decode(),
    "random base64": base64.b64encode(random.Random(2).randbytes(50_000)).decode(),
    "digests": "\n".join(random.Random(n).randbytes(32).hex() for n in range(300)),
    "letters": "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    "source": Path(functools.__file__).read_text() + Path(random.__file__).read_text(),
    "numbered invoices": lines("invoice 2024-##-###, order AB#### #### #### ####, item x########-##", 200),
    "identifiers": lines("test_####_##_####a v#.#.#.# id-####-####-####-#### T##########Z", 200),
    "hexadecimal": "\n".join(f"abc{random.Random(n).randbytes(16).hex()}" for n in range(300)),
    "models": "Room5 Floor3, Sha256 Md5 and Win10 Mac3 of Q3 H1; user@10.0.0.1, pkg@1.0.0b1, types@3.d1",
    "Russian": "В чащах юга жил бы цитрус? Да, но фальшивый экземпляр! " * 40,
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_no_view_makes_a_value_of_ordinary_text(text: str) -> None:
    assert [f for f in findings(text) if f.view != "raw" and not f.rule.startswith("ner-")] == []


SENTENCE = "This is a sentence that is long enough to stand for itself, and it goes on here "


@pytest.mark.parametrize("before", ["", SENTENCE, f"{SENTENCE}and ends.\n", SENTENCE * 60], ids=len)
def test_no_disguise_makes_a_value_that_is_cut(before: str) -> None:
    cut = [
        (evasion, entity)
        for entity, (sentence, value) in VALUES.items()
        for evasion, hide in EVASIONS.items()
        if not any(
            hide(value) in segment for segment in split(f"{before}{sentence.replace('{}', hide(value))} {SENTENCE}")
        )
    ]

    assert cut == []


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["line feed", "carriage return too"])
def test_a_value_that_ends_a_line_is_not_continued_by_the_word_that_begins_the_next(end: str) -> None:
    text = f"Write to maria.lopez@example.com{end}please, and soon."

    (found,) = [finding for finding in findings(text) if finding.entity == "EMAIL_ADDRESS"]

    assert (text[found.start : found.end], found.view) == ("maria.lopez@example.com", "raw")
