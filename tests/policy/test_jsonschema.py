"""The schema and the loader know the same words."""

from __future__ import annotations

from typing import Any

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.policy import jsonschema, schema

DOCUMENT = jsonschema.document(OPERATORS)
STATEMENT = DOCUMENT["properties"]["statements"]["items"]


def known(text: str) -> set[str]:
    """What the loader says that it knows there."""
    with pytest.raises(ConfigError) as caught:
        schema.parse([rulefile.parse(text, "p.yaml")], OPERATORS, "")
    return set(caught.value.message.partition("known: ")[2].split(", "))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (DOCUMENT, "{zzzzzz: 1}"),
        (STATEMENT, "statements: [{zzzzzz: 1}]"),
        *(
            (STATEMENT["properties"][name], f"statements: [{{id: a, effect: block, {name}: {{zzzzzz: 1}}}}]")
            for name in ("principals", "calls", "findings", "over")
        ),
        (
            STATEMENT["properties"]["approvers"]["anyOf"][0],
            "statements: [{id: a, effect: hold, approvers: {groups: [a], zzzzzz: 1}}]",
        ),
    ],
    ids=["file", "statement", "principals", "calls", "findings", "over", "approvers"],
)
def test_every_member_that_is_read_is_in_the_schema_and_no_other(place: Any, text: str) -> None:
    assert set(place["properties"]) == known(text)
    assert place["additionalProperties"] is False


def test_every_operator_and_its_parameters_are_in_the_schema() -> None:
    plain, *mappings = STATEMENT["properties"]["operator"]["anyOf"]

    assert plain["enum"] == list(OPERATORS)
    assert {m["properties"]["name"]["const"]: set(m["properties"]) - {"name"} for m in mappings} == {
        name: set(params) for name, params in OPERATORS.items()
    }
