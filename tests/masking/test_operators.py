from __future__ import annotations

import itertools
import re

import pytest

from weighlock.adapters.anonymizer import Anonymizer
from weighlock.masking.operators import OPERATORS
from weighlock.model import OperatorSpec

RUN = Anonymizer(b"k" * 32, "session")
VALUE = "4111 1111 1111 1234"


def run(name: str, value: str = VALUE, *, by: Anonymizer = RUN, entity: str = "CREDIT_CARD", **params: object) -> str:
    return by.run(OperatorSpec(name, params), entity, value)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_that_a_policy_may_name_runs_and_hides_the_value(name: str) -> None:
    masked = run(name)

    assert masked != VALUE
    assert "4111" not in masked
    assert masked == run(name)


def test_the_order_is_from_strict_to_loose() -> None:
    assert list(OPERATORS) == ["redact", "hash", "encrypt", "pseudonym", "mask", "replace"]
    with pytest.raises(TypeError):
        OPERATORS["keep"] = {}  # type: ignore[index]


def test_redact_leaves_nothing() -> None:
    assert run("redact") == ""


def test_replace_says_what_was_there_or_what_it_is_told() -> None:
    assert run("replace") == "<CREDIT_CARD>"
    assert run("replace", new_value="gone") == "gone"


@pytest.mark.parametrize(
    ("value", "params", "masked"),
    [
        (VALUE, {}, "*" * 15 + "1234"),
        (VALUE, {"keep_last": 2, "char": "#"}, "#" * 17 + "34"),
        (VALUE, {"keep_last": 0}, "*" * 19),
        (VALUE, {"keep_last": 64}, "*" * 19),
        ("12345678", {}, "********"),
        ("123456789", {}, "*****6789"),
        ("", {}, ""),
    ],
)
def test_mask_keeps_the_last_characters_of_what_is_long_enough(
    value: str, params: dict[str, object], masked: str
) -> None:
    assert run("mask", value, **params) == masked


@pytest.mark.parametrize(
    ("name", "shape"), [("hash", r"<CREDIT_CARD:[0-9a-f]{12}>"), ("pseudonym", r"<CREDIT_CARD_[0-9a-f]{8}>")]
)
def test_a_placeholder_is_one_for_one_value_however_it_is_spelled(name: str, shape: str) -> None:
    assert re.fullmatch(shape, run(name))
    assert run(name, "Ann  SMITH") == run(name, "ann smith") == run(name, "\uff21nn smith ")
    assert run(name, "Ann Smith") != run(name, "Ann Smyth")
    assert run(name, entity="PERSON").removeprefix("<PERSON") != run(name).removeprefix("<CREDIT_CARD")


def test_a_pseudonym_is_of_one_session_and_a_hash_of_one_gateway() -> None:
    session, gateway = Anonymizer(b"k" * 32, "another"), Anonymizer(b"x" * 32, "session")

    assert run("hash") == run("hash", by=session) != run("hash", by=gateway)
    assert all(a != b for a, b in itertools.combinations((run("pseudonym", by=r) for r in (RUN, session, gateway)), 2))
