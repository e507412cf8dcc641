"""The shape of rules/policy/*.yaml as JSON Schema, for editors. It tells spelling; the loader tells the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighlock.holds import Way
from weighlock.model import ENTITY, ID, LEVELS, Action
from weighlock.policy.condition import LENGTH
from weighlock.policy.counting import MOST, SUMS, WINDOW, Scope
from weighlock.policy.schema import LABEL, RESTORE, SPOKEN_IN_REPLIES, OperatorTable
from weighlock.policy.statements import Mode
from weighlock.policy.terms import DURATION, PEOPLE

_TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}
_SIZE: Mapping[str, Any] = {"type": "integer", "minimum": 0}


def document(operators: OperatorTable) -> dict[str, Any]:
    terms = _terms()
    hold = _closed({"effect": _one("allow", "hold", "block"), **terms}, "effect")
    spoken = _one(*SPOKEN_IN_REPLIES)
    statements = {"type": "array", "items": _statement(operators, terms)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "weighlock policy",
        **_closed({"statements": statements, "uncovered": hold, "spoken_in_replies": spoken}, "statements"),
    }


def _terms() -> dict[str, Any]:
    need = {"type": "integer", "minimum": 1, "maximum": PEOPLE}
    threshold = _closed({"groups": _list(_TEXT), "need": need}, "groups")
    return {
        "approvers": {"anyOf": [threshold, _list(threshold)]},
        "within": _pattern(DURATION),
        "use_within": _pattern(DURATION),
        "held": _one(*Way),
        "needs_reason": {"type": "boolean"},
        "break_glass": _list(_TEXT),
    }


def _statement(operators: OperatorTable, terms: dict[str, Any]) -> dict[str, Any]:
    texts = _list(_TEXT)
    return _closed(
        {
            "id": _pattern(ID),
            "effect": _one(*(action.name.lower() for action in Action), RESTORE),
            "direction": _one("request", "response", "both"),
            "principals": _closed(
                dict.fromkeys(("issuers", "workloads", "owners", "groups"), texts)
                | {"claims": {"type": "object", "additionalProperties": texts}}
            ),
            "calls": _closed(
                dict.fromkeys(("destinations", "dialects", "operations", "models", "tools"), texts)
                | {"min_size": _SIZE, "max_size": _SIZE, "stream": {"type": "boolean"}}
            ),
            "findings": _closed(
                {
                    "entities": _list(_pattern(ENTITY)),
                    "tags": _list(_pattern(ID)),
                    "labels": _list(_pattern(LABEL)),
                    "level": _one(*LEVELS),
                    "score": {"type": "number", "minimum": 0, "maximum": 1},
                    "count": {"type": "integer", "minimum": 1},
                }
            ),
            "when": {"type": "string", "minLength": 1, "maxLength": LENGTH},
            "over": _over(),
            "operator": {"anyOf": [_one(*operators), *(_operator(name, held) for name, held in operators.items())]},
            "encoded": _one("mask", "block"),
            **terms,
            "reason": _TEXT,
            "mode": _one(*(mode.value for mode in Mode)),
            "severity": _one(*LEVELS),
            "owner": _TEXT,
            "references": {"type": "array", "items": _pattern(r"https?://\S+")},
        },
        "id",
        "effect",
    )


def _over() -> dict[str, Any]:
    distinct = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _pattern(f"{ENTITY}|{ID}"),
        "additionalProperties": {**_SIZE, "maximum": MOST},
    }
    members = {"of": _one(*(scope.value for scope in Scope)), "within": _pattern(WINDOW)}
    return _closed(members | dict.fromkeys(SUMS, _SIZE) | {"distinct": distinct}, "of", "within") | {"minProperties": 3}


def _operator(name: str, params: Mapping[str, type]) -> dict[str, Any]:
    kinds = {key: {"type": "integer"} if kind is int else {"type": "string"} for key, kind in params.items()}
    return _closed({"name": {"const": name}, **kinds}, "name")


def _closed(members: Mapping[str, Any], *required: str) -> dict[str, Any]:
    given = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, "properties": dict(members), **given}


def _one(*words: str) -> dict[str, Any]:
    return {"enum": list(words)}


def _list(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": of}


def _pattern(expression: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{expression})$"}
