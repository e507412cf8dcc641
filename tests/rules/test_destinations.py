"""The shipped destinations, and the README's examples of what can be said."""

from __future__ import annotations

import re

import pytest

from weighlock import rulefile
from weighlock.adapters.rulebook import shipped
from weighlock.dialects import DIALECTS
from weighlock.policy import destinations

README = (shipped() / "README.md").read_text()
EXAMPLES = re.findall(r"^credential:.*\n(?:  .*\n)*", README, re.MULTILINE)


def test_every_way_is_shown() -> None:
    for word in ("env:", "file:", "none", "command:", "provider: openai", "provider: anthropic"):
        assert any(word in example for example in EXAMPLES), word


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_used_as_it_stands(example: str) -> None:
    head = "destinations:\n  - name: model\n    host: llm.example\n    dialects: [openai]\n"
    indented = "".join(f"    {line}\n" for line in example.replace(" ...", " id").splitlines())

    assert destinations.parse(rulefile.parse(head + indented, "README.md"), ["openai"])


def test_the_shipped_destinations_can_be_used() -> None:
    text = (shipped() / "destinations.yaml").read_text()

    assert destinations.parse(rulefile.parse(text, "destinations.yaml"), [dialect.name for dialect in DIALECTS])
