"""Whether the rules fit together: what one file names, another has."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from weighlock.detection import material
from weighlock.detection import rules as detection
from weighlock.dialects import DIALECTS
from weighlock.errors import ConfigError
from weighlock.model import Finding
from weighlock.policy import enforceable, lint
from weighlock.policy.lint import Caller, World

if TYPE_CHECKING:
    from weighlock.adapters.rulebook import Rules

PEOPLE, WORKLOADS = "identity/people.yaml", "identity/workloads.yaml"


def check(rules: Rules) -> tuple[str, ...]:
    """What is seldom meant, one line each. Raises ConfigError for what cannot be meant."""
    _statements(rules)
    _workloads(rules)
    _people(rules)
    known = world(rules)
    for remark in (*enforceable.unenforceable(rules.policy, known), *lint.contradictions(rules.policy, known)):
        raise ConfigError(f"statement {remark.statement.id!r}: {remark.text}", remark.statement.where)
    return tuple(
        f"{remark.statement.where}: statement {remark.statement.id!r} {remark.text}"
        for remark in lint.remarks(rules.policy, known)
    )


def world(rules: Rules) -> World:
    callers = [
        Caller(one.issuer, one.id, one.owner.id, one.claims, one.destinations, one.models)
        for one in rules.identity.workloads
    ]
    by_name = {dialect.name: dialect for dialect in DIALECTS}
    routes = [
        (destination.name, name, operation.name)
        for destination in rules.destinations.values()
        for name in destination.dialects
        for operation in by_name[name].operations
    ]
    kinds = [(rule.id, rule.entity, rule.level, rule.score, rule.tags) for rule in rules.detect.rules]
    kinds += [
        ("", entity, level, 1.0, tags) for entity, (level, tags) in (*detection.NER.items(), *material.ENTITIES.items())
    ]
    findings = [
        Finding(rule, entity, level, score, "", 0, 0, "", frozenset(tags)) for rule, entity, level, score, tags in kinds
    ]
    return World(callers, routes, findings)


def _statements(rules: Rules) -> None:
    """A statement that names what is not there would never apply, and nobody would know."""
    found, listed = rules.detect.rules, rules.destinations.values()
    known: dict[str, set[str]] = {
        "entities": {rule.entity for rule in found} | set(detection.NER) | set(material.ENTITIES),
        "tags": {tag for rule in found for tag in rule.tags}
        | {tag for _, tags in (*detection.NER.values(), *material.ENTITIES.values()) for tag in tags}
        | set(material.TAGS[material.Kind.RECORD]),
        "destinations": {destination.name for destination in listed},
        "dialects": {dialect.name for dialect in DIALECTS},
        "operations": {operation.name for dialect in DIALECTS for operation in dialect.operations},
        "issuers": set(rules.identity.issuers),
        "workloads": {workload.id for workload in rules.identity.workloads},
        "owners": {person.id for person in rules.identity.people},
    }
    known["names"] = known["entities"] | known["tags"]
    for statement in rules.policy.statements:
        for match in (statement.principals, statement.calls, statement.findings, statement.over):
            for kind, names in known.items():
                for name in sorted(getattr(match, kind, frozenset()) - names):
                    near = difflib.get_close_matches(name, names, n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    among = "what is distinct" if kind == "names" else kind
                    said = f"statement {statement.id!r} names {name!r} among {among}: there is none{hint}"
                    raise ConfigError(said, statement.where)


def _workloads(rules: Rules) -> None:
    listed = {destination.name for destination in rules.destinations.values()}
    for workload in rules.identity.workloads:
        for name in sorted(workload.destinations - listed):
            raise ConfigError(f"{workload.id!r} names the destination {name!r}: there is none", WORKLOADS)
        issuer = rules.identity.issuers.get(workload.issuer)
        if issuer is None:
            raise ConfigError(f"{workload.id!r} names an issuer that is not listed", WORKLOADS)
        if issuer.ids and not workload.claims.keys() & set(issuer.ids):
            ids = " or ".join(issuer.ids)
            raise ConfigError(f"{workload.id!r} names no {ids}: all else can be somebody else's one day", WORKLOADS)


def _people(rules: Rules) -> None:
    for person in rules.identity.people:
        for account in person.accounts:
            named = rules.identity.issuers.get(account.issuer)
            if named and named.person and account.claim not in named.person:
                ids = " or ".join(named.person)
                raise ConfigError(f"an account of {person.id!r} is not told by {ids}", PEOPLE)
