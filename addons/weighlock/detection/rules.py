"""rules/detect/<family>/<id>.yaml: one rule, one file, with the examples that prove it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import re2

from weighlock.detection.context import WORD
from weighlock.detection.validators import VALIDATORS
from weighlock.model import ENTITY, ID, LEVELS, Level
from weighlock.rulefile import Node

NER: Mapping[str, tuple[Level, tuple[str, ...]]] = {
    "PERSON": (Level.MEDIUM, ("pii",)),
    "STREET_ADDRESS": (Level.MEDIUM, ("pii", "contact")),
    "PHONE_NUMBER": (Level.MEDIUM, ("pii", "contact")),
    "ID_NUMBER": (Level.MEDIUM, ("pii", "national-id")),
    "LOCATION": (Level.LOW, ("place",)),
    "ORGANIZATION": (Level.LOW, ("organization",)),
    "NRP": (Level.LOW, ("demographic",)),
    "URL": (Level.INFORMATIONAL, ("network",)),
    "DATE_TIME": (Level.INFORMATIONAL, ("demographic",)),
}
"""Entity that a language model finds, without a rule → the level and the tags of its findings. NRP is a nationality, a
religious or a political group.
"""

THRESHOLDS = "detect/thresholds.yaml"
"""The one file among the rules that is none: entity → the least score with which it counts."""
_UNUSED: dict[str, Any] = {"match": [], "clear": [], "references": []}
"""What a search does not need."""


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    title: str
    level: Level
    entity: str
    tags: tuple[str, ...]
    pattern: str
    """RE2 syntax. What its group `value` matches is the finding; without such a group, the whole match."""
    score: float
    keywords: tuple[str, ...] = ()
    """Lower case. A text without any of them is not searched."""
    context: tuple[str, ...] = ()
    """One of these words must stand shortly before the finding, or it is none; see detection.context."""
    validator: str = ""
    match: tuple[str, ...] = ()
    """Texts in which the rule finds something. `{alnum:20}` stands for that many random characters."""
    clear: tuple[str, ...] = ()
    """Texts in which it finds nothing."""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """*source* is rules and thresholds as JSON, for the worker processes; *digest* its SHA-256, hex."""

    rules: tuple[Rule, ...]
    source: str = field(repr=False)
    digest: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Entity → the least score with which it counts; all others always count."""


def parse(node: Node) -> Rule:
    members = node.mapping(
        required=["id", "title", "level", "entity", "tags", "pattern", "score", "match", "clear"],
        optional=["keywords", "context", "validator", "references"],
    )
    lower = r"[^A-Z]+"
    rule = Rule(
        id=members["id"].text(ID, "an id of lower-case words and hyphens"),
        title=members["title"].text(),
        level=LEVELS[members["level"].choice(LEVELS)],
        entity=members["entity"].text(ENTITY, "an entity such as EMAIL_ADDRESS"),
        tags=members["tags"].strings(ID, "a tag"),
        pattern=members["pattern"].text(),
        score=members["score"].number(0, 1),
        keywords=members["keywords"].strings(lower, "lower case") if "keywords" in members else (),
        context=members["context"].strings(WORD, "a word in lower case") if "context" in members else (),
        validator=members["validator"].choice(sorted(VALIDATORS)) if "validator" in members else "",
        match=members["match"].strings(),
        clear=members["clear"].strings(),
        references=members["references"].strings() if "references" in members else (),
    )
    try:
        pattern = compiled(rule.pattern)
    except re2.error:
        raise members["pattern"].error("not a regular expression of RE2: no look-around, no back references") from None
    if pattern.search(b"") is not None:
        raise members["pattern"].error("it matches the empty text")
    if not rule.match or not rule.clear:
        raise node.error("a rule proves itself by at least one `match` and one `clear`")
    return rule


def rule_set(files: Mapping[str, Node]) -> RuleSet:
    """All rules, by id. Raises ConfigError for a rule whose file is not named by its id."""
    rules: dict[str, Rule] = {}
    for name, node in sorted(files.items()):
        if name == THRESHOLDS:
            continue
        rule = parse(node)
        if PurePosixPath(name).stem != rule.id:
            raise node.error(f"the file of rule {rule.id!r} must be called {rule.id}.yaml")
        if rule.id in rules:
            raise node.error(f"a rule {rule.id!r} exists already")
        rules[rule.id] = rule
    entities = {rule.entity for rule in rules.values()} | NER.keys()
    thresholds = _thresholds(files[THRESHOLDS], entities) if THRESHOLDS in files else {}
    plain = {"rules": [asdict(rule) | _UNUSED for rule in rules.values()], "thresholds": thresholds}
    source = json.dumps(plain, sort_keys=True)
    return RuleSet(tuple(rules.values()), source, _digest(source), thresholds)


def _thresholds(node: Node, entities: Collection[str]) -> dict[str, float]:
    members = node.mapping(optional=sorted(entities))
    return {entity: score.number(0, 1) for entity, score in members.items()}


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def guess_id(entity: str) -> str:
    """What stands for the rule in findings of a model."""
    return f"ner-{entity.lower().replace('_', '-')}"


def from_source(source: str) -> RuleSet:
    """The RuleSet that has this *source*, without what a search does not need."""
    plain: dict[str, Any] = json.loads(source)
    for rule in plain["rules"]:
        rule |= {name: tuple(value) for name, value in rule.items() if isinstance(value, list)}
        rule["level"] = Level(rule["level"])
    return RuleSet(tuple(Rule(**rule) for rule in plain["rules"]), source, _digest(source), plain["thresholds"])


@lru_cache(4096)
def compiled(pattern: str) -> Any:
    """For UTF-8. Raises re2.error. A rule that did not change is not compiled again when others do."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 64 << 20
    return re2.compile(pattern.encode(), options)
