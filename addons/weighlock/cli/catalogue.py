"""All that can be found: the rules, and what models find without one, with all that there is to say of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import FunctionType
from typing import Any

from weighlock import rulefile
from weighlock.adapters import rulebook
from weighlock.detection.context import CONTEXT
from weighlock.detection.rules import NER, THRESHOLDS, Rule, guess_id
from weighlock.detection.validators import VALIDATORS
from weighlock.masking.operators import OPERATORS
from weighlock.model import Finding
from weighlock.policy import schema
from weighlock.policy.decide import speaks_of

MODELS = "ner"
"""The family of what models find, for which there are no files."""


@dataclass(frozen=True, slots=True)
class Known:
    """A rule and where it stands; what a model finds, as a rule without a pattern."""

    family: str
    rule: Rule
    file: str = ""
    threshold: float = 0.0

    @property
    def row(self) -> dict[str, Any]:
        rule = self.rule
        level, tags = rule.level.name.lower(), list(rule.tags)
        return {
            "id": rule.id,
            "family": self.family,
            "level": level,
            "entity": rule.entity,
            "title": rule.title,
            "tags": tags,
        }


def known(files: Mapping[str, str]) -> list[Known]:
    """By the names of the *files*. Raises ConfigError."""
    listed = rulebook.detection_rules(files)
    rules, thresholds = {rule.id: rule for rule in listed.rules}, listed.thresholds
    names = [PurePosixPath(name) for name in files if name.startswith(rulebook.DETECT) and name != THRESHOLDS]
    found = [Known(name.parent.name, rules[name.stem], str(name)) for name in names]
    guesses = (
        Rule(guess_id(entity), f"{entity}, as a model finds it", level, entity, tags, "", 0.0)
        for entity, (level, tags) in NER.items()
    )
    everything = [*found, *(Known(MODELS, guess) for guess in guesses)]
    return [replace(one, threshold=thresholds.get(one.rule.entity, 0.0)) for one in everything]


def explained(one: Known, files: Mapping[str, str]) -> Iterator[tuple[str, str | list[str]]]:
    """What there is to say, by name, in the order in which a person asks."""
    rule = one.rule
    yield "level", rule.level.name.lower()
    yield "entity", rule.entity
    yield "tags", ", ".join(rule.tags)
    if one.family == MODELS:
        yield "found by", "the models of the setting `ner`, in what people and models write"
    else:
        yield "file", one.file
        yield "pattern", rule.pattern
        yield "score", f"{rule.score:g}"
    if one.threshold:
        yield "threshold", f"what has a score below {one.threshold:g} does not count"
    if rule.keywords:
        yield "keywords", f"only in a text that holds one of: {', '.join(rule.keywords)}"
    if rule.context:
        yield "context", f"only within {CONTEXT} characters behind one of: {', '.join(rule.context)}"
    if rule.validator:
        yield "validator", _in_words(rule.validator)
    if rule.references:
        yield "references", list(rule.references)
    if rule.match:
        yield "matches", list(rule.match)
    if rule.clear:
        yield "clear", list(rule.clear)
    yield "policy", _statements(rule, files) or ["no statement speaks of it: the effect of `uncovered`"]


def _in_words(validator: str) -> str:
    check = VALIDATORS[validator]
    said = check.__doc__ if isinstance(check, FunctionType) else None
    return f"{validator}: {said.splitlines()[0]}" if said else f"{validator}: the check of such numbers"


def _statements(rule: Rule, files: Mapping[str, str]) -> list[str]:
    finding = Finding(rule.id, rule.entity, rule.level, rule.score, "", 0, 0, "", frozenset(rule.tags))
    nodes = (rulefile.parse(text, name) for name, text in files.items() if rulebook.is_policy(name))
    return [
        f"{statement.id}: {statement.effect.name.lower()} in {' and '.join(sorted(statement.directions))}"
        for statement in schema.parse(nodes, OPERATORS, "").statements
        if statement.findings and speaks_of(statement.findings, finding)
    ]
