"""A statement that a route would let calls pass by is refused, and so is not silently worth nothing there."""

from __future__ import annotations

from pathlib import Path

import pytest

import smallrules
from weighlock.adapters.rulebook import compiled, read
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS


def load(tmp_path: Path, dialects: str, statement: str) -> None:
    folder = smallrules.write(tmp_path / "rules")
    hosts = folder / "destinations.yaml"
    hosts.write_text(hosts.read_text().replace("dialects: [openai]", f"dialects: [{dialects}]"))
    (folder / "policy" / "more.yaml").write_text(f"statements:\n  - {{id: more, {statement}}}\n")
    compiled(read(folder), OPERATORS)


@pytest.mark.parametrize(
    "statement",
    [
        "effect: block, calls: {models: [gpt-5]}",
        "effect: hold, approvers: {groups: [security]}, calls: {models: [gpt-5], destinations: [openai]}",
        "effect: block, mode: shadow, calls: {models: [gpt-5]}",
    ],
)
def test_models_are_refused_where_nobody_can_tell_them(tmp_path: Path, statement: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "openai, generic", statement)

    said = (
        "policy/more.yaml:2:5: statement 'more': is about models, and nobody can tell the model of a call in `generic`"
    )
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("dialects", "statement"),
    [
        ("openai", "effect: block, calls: {models: [gpt-5]}"),
        ("openai, generic", "effect: block, calls: {models: [gpt-5], dialects: [openai]}"),
        ("openai, generic", "effect: allow, calls: {models: [gpt-5]}"),
        ("openai, generic", "effect: block, mode: 'off', calls: {models: [gpt-5]}"),
    ],
)
def test_what_is_told_everywhere_can_be_enforced(tmp_path: Path, dialects: str, statement: str) -> None:
    load(tmp_path, dialects, statement)
