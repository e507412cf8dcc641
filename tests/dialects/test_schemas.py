"""No string of a published schema is unknown to its dialect, or missed: tests/dialects/schemas/<dialect>.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weighlock.dialects.gemini_fields import GEMINI, snake
from weighlock.dialects.mcp_fields import MCP
from weighlock.dialects.ollama_fields import OLLAMA
from weighlock.model import Role
from weighlock.wire import jsontext


def published(dialect: str) -> list[str]:
    """The names of all members that hold a string, or strings."""
    schema = json.loads((Path(__file__).parent / f"schemas/{dialect}.json").read_text())
    return list(schema["names"])


KNOWN = {
    "gemini": (GEMINI, [spelled for name in published("gemini") for spelled in (name, snake(name))]),
    "mcp": (MCP, published("mcp")),
    "ollama": (OLLAMA, published("ollama")),
}


@pytest.mark.parametrize("dialect", KNOWN)
def test_every_string_of_the_published_schema_is_known_and_inspected(dialect: str) -> None:
    fields, names = KNOWN[dialect]

    assert len(names) > 20
    for name in names:
        texts, closed = fields.read(jsontext.parse(json.dumps({name: "some words"}).encode()))

        assert [(text.value, text.role is Role.KEY) for text in texts] == [("some words", False)], name
        assert not closed, name
