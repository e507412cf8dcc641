"""Each rule's own examples, with the sample secrets made up at test time."""

from __future__ import annotations

import random
import re
import string
from pathlib import Path

import pytest

from weighlock import rulefile
from weighlock.adapters.inspector.engine import RuleRecognizer
from weighlock.detection import rules

FOLDER = Path(__file__).parents[2] / "rules"
FILES = {path.relative_to(FOLDER).as_posix(): path for path in sorted((FOLDER / "detect").rglob("*.yaml"))}
RULES = rules.rule_set({name: rulefile.parse(path.read_text(), name) for name, path in FILES.items()}).rules

ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "digit": string.digits,
    "upper": string.ascii_uppercase,
    "base32": string.ascii_uppercase + "234567",
    "age": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}


def filled(example: str) -> str:
    """`{alnum:20}` becomes twenty such characters, the same in every run."""
    chance = random.Random(example)
    text = re.sub(r"\{(\w+):(\d+)\}", lambda m: "".join(chance.choices(ALPHABETS[m[1]], k=int(m[2]))), example)
    return text.replace("\\n", "\n")


def found(rule: rules.Rule, example: str) -> list[str]:
    text = filled(example)
    results = RuleRecognizer([rule]).analyze(text, [rule.entity], None)  # type: ignore[arg-type]
    return [text[result.start : result.end] for result in results]


@pytest.mark.parametrize(
    ("rule", "example"), [pytest.param(r, e, id=f"{r.id}-{i}") for r in RULES for i, e in enumerate(r.match)]
)
def test_a_rule_finds_its_matches(rule: rules.Rule, example: str) -> None:
    assert found(rule, example)


@pytest.mark.parametrize(
    ("rule", "example"), [pytest.param(r, e, id=f"{r.id}-{i}") for r in RULES for i, e in enumerate(r.clear)]
)
def test_a_rule_leaves_the_clear_alone(rule: rules.Rule, example: str) -> None:
    assert found(rule, example) == []


@pytest.mark.parametrize("separator", ["\n", " ", ", ", "\u00a0"], ids=["line", "space", "comma", "no-break-space"])
@pytest.mark.parametrize(
    ("rule", "example"), [pytest.param(r, e, id=f"{r.id}-{i}") for r in RULES for i, e in enumerate(r.match)]
)
def test_a_rule_finds_every_value_of_a_list(rule: rules.Rule, example: str, separator: str) -> None:
    # A pattern that reads the separator behind its value must not take it away from the next one.
    assert len(found(rule, separator.join([example] * 5))) == 5 * len(found(rule, example))


def test_no_example_holds_a_literal_secret() -> None:
    secrets = [rule for rule in RULES if "secret" in rule.tags and rule.id not in ("private-key", "url-with-password")]

    literal = {
        rule.id for rule in secrets for example in rule.match if RuleRecognizer([rule]).analyze(example, [], None)
    }  # type: ignore[arg-type]

    assert secrets
    assert literal <= {"assigned-secret"}
