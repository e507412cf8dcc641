"""The published schema (openai/openai-openapi, version 2.3.0), as its member names and the places of its strings.

A name that the API gets and the dialect does not know is data, which is inspected; a string that no case has would be
missed by the tests of every place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialects.matrix import cases
from weighlock.dialects.openai import DIALECT
from weighlock.model import Role
from weighlock.wire.jsontext import Document

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "openai.json").read_text())


def names(operation: str, of: str) -> list[str]:
    return " ".join(SCHEMA[operation][of]).split()


def places(value: Any, within: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, f"{within.rpartition('/')[2]}/{name}" if within else name)
    elif isinstance(value, list):
        for item in value:
            yield from places(item, within)
    elif isinstance(value, str):
        yield within


def nested(place: str, value: str) -> Any:
    parent, slash, name = place.partition("/")
    return {parent: {name: value}} if slash else {place: value}


@pytest.mark.parametrize("operation", SCHEMA)
def test_every_member_name_is_known(operation: str) -> None:
    assert set(names(operation, "names")) <= DIALECT.named(operation).fields.keys


@pytest.mark.parametrize("operation", SCHEMA)
def test_every_string_is_read_as_a_text_or_counted(operation: str) -> None:
    fields = DIALECT.named(operation).fields
    for place in names(operation, "strings"):
        texts, closed = fields.read(Document(nested(place, "Maria Lopez")))

        read = [text.value for text in texts if text.role in (Role.CONTENT, Role.PARAMETER)]
        assert read == ["Maria Lopez"], place
        assert closed == ()


def test_every_string_has_a_case() -> None:
    told: set[str] = set()
    for said in (case.said for case in cases() if case.dialect is DIALECT):
        frames = [frame["data"] for frame in said.get("stream", {}).get("frames", ())]
        for value in (said.get("request", {}).get("body"), said.get("reply"), *frames):
            told.update(places(value))
        for part in said.get("form", {}).get("parts", ()):
            told.add(part["name"].removesuffix("[]").replace("[", "/").removesuffix("]"))

    assert {place for operation in SCHEMA for place in names(operation, "strings")} - told == set()
