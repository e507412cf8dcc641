"""rules/policy/*.cases.yaml: what a policy must say of some calls, or it does not come into force.

A case gives findings, not texts: what a text shows, the examples of the rules prove.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from weighlock.model import ENCODED, ENTITY, ID, LEVELS, SPOKEN, Action, Call, Direction, Finding, Principal, Verdict
from weighlock.policy import counting
from weighlock.policy.counting import Counts, Scope
from weighlock.policy.decide import decide
from weighlock.policy.lint import Caller, World
from weighlock.policy.schema import LABEL
from weighlock.policy.statements import MATERIAL, Policy
from weighlock.policy.tally import Tally, amount, asked, counts
from weighlock.rulefile import Node

MOST = 1000
"""Findings of one case."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    principal: Principal
    call: Call
    findings: tuple[Finding, ...]
    direction: Direction
    action: Action
    because: tuple[str, ...] | None
    operators: Mapping[str, str] | None
    would: Action | None
    counts: Counts
    """As far as they are given; of the rest, this call is the first."""
    where: str


def parse(files: Iterable[Node], world: World) -> tuple[Case, ...]:
    """Raises ConfigError, also for a name that is not in the *world*."""
    return tuple(_case(item, world) for file in files for item in file.mapping(required=["cases"])["cases"].sequence())


def failure(case: Case, policy: Policy) -> str:
    """What *policy* says instead, or nothing."""
    verdict = decide(policy, case.principal, case.call, case.findings, case.direction, _counts(case, policy))
    said: list[tuple[str, Any, Any]] = [("action", case.action, verdict.action)]
    said += [("because", case.because, verdict.because)] if case.because is not None else []
    said += [("operators", case.operators, _names(verdict))] if case.operators is not None else []
    said += [("would", case.would, verdict.would)] if case.would is not None else []
    wrong = [f"{name} {_said(found)}, not {_said(wanted)}" for name, wanted, found in said if wanted != found]
    return f"{'; '.join(wrong)} (because {', '.join(verdict.because)})" if wrong else ""


def _counts(case: Case, policy: Policy) -> Counts:
    request = case.direction is Direction.REQUEST
    own = amount((), case.findings, size=case.call.size if request else 0, requests=int(request))
    first = counts(asked(policy.overs), dict.fromkeys(Scope, Tally()), {scope: [own] for scope in Scope}, 0.0)
    return {window: {**held, **case.counts.get(window, {})} for window, held in first.items()}


def _names(verdict: Verdict) -> dict[str, str]:
    return {entity: operator.name for entity, operator in verdict.operators.items()}


def _said(value: object) -> str:
    if isinstance(value, Action):
        return value.name.lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {held}" for name, held in sorted(value.items())) or "none"
    return ", ".join(value) if isinstance(value, tuple) else "none"


def _case(node: Node, world: World) -> Case:
    known = ["principal", "call", "direction", "findings", "counts"]
    members = node.mapping(required=["name", "expect"], optional=known)
    expect = members["expect"].mapping(required=["action"], optional=["because", "operators", "would"])
    listed = members["findings"].sequence() if "findings" in members else []
    found = [finding for item in listed for finding in _findings(item, world)]
    operators = expect["operators"].members() if "operators" in expect else None
    return Case(
        name=members["name"].text(),
        principal=_principal(members.get("principal"), world),
        call=_call(members.get("call"), world),
        findings=tuple(replace(one, start=n, end=n + 1, fingerprint=f"{n}") for n, one in enumerate(found[:MOST])),
        direction=Direction(members["direction"].choice([one.value for one in Direction]))
        if "direction" in members
        else Direction.REQUEST,
        action=_action(expect["action"]),
        because=tuple(sorted(expect["because"].strings(ID, "a statement's id"))) if "because" in expect else None,
        operators={name: held.text() for name, held in operators} if operators is not None else None,
        would=_action(expect["would"]) if "would" in expect else None,
        counts=_given(members["counts"], world) if "counts" in members else {},
        where=node.where,
    )


def _given(node: Node, world: World) -> Counts:
    """A list of what was counted, each spelled like an `over`."""
    known = {name for finding in world.findings for name in (finding.entity, *finding.tags)}
    given: dict[str, dict[str, int]] = {}
    for item in node.sequence():
        over = counting.read(item)
        for name in sorted(over.names - known):
            raise item.error(f"nothing that is found is {name!r}")
        given.setdefault(over.window, {}).update(over.limits)
    return given


def _action(node: Node) -> Action:
    return Action[node.choice([action.name.lower() for action in Action]).upper()]


def _principal(node: Node | None, world: World) -> Principal:
    """A workload's own owner, issuer and claims stand for what is left out; without a workload, nobody's."""
    members = node.mapping(optional=["workload", "owner", "issuer", "groups", "claims"]) if node else {}
    by_id = {caller.workload: caller for caller in world.callers}
    nobody = Caller("", "", "", {}, frozenset(), frozenset())
    caller = by_id[members["workload"].choice(by_id)] if "workload" in members else nobody
    claims = dict(members["claims"].members()) if "claims" in members else {}
    return Principal(
        issuer=members["issuer"].text() if "issuer" in members else caller.issuer,
        subject="",
        workload=caller.workload,
        owner=members["owner"].text() if "owner" in members else caller.owner,
        groups=frozenset(members["groups"].strings()) if "groups" in members else frozenset(),
        claims={**caller.claims, **{name: held.text() for name, held in claims.items()}},
        token_id="",
        expires_at=0.0,
    )


def _call(node: Node | None, world: World) -> Call:
    known = ["destination", "dialect", "operation", "model", "stream", "size", "tools"]
    members = node.mapping(optional=known) if node else {}
    destination, dialect, operation = (
        members[name].choice(sorted({route[at] for route in world.routes})) if name in members else ""
        for at, name in enumerate(("destination", "dialect", "operation"))
    )
    return Call(
        dialect=dialect,
        operation=operation,
        destination=destination,
        model=members["model"].text() if "model" in members else "",
        stream="stream" in members and members["stream"].boolean(),
        size=members["size"].integer(0, 1 << 40) if "size" in members else 0,
        texts=(),
        tools=tuple(sorted(members["tools"].strings())) if "tools" in members else (),
    )


def _findings(node: Node, world: World) -> list[Finding]:
    """A rule's id, or an entity that a model, an index or one rule finds; or a mapping that says more."""
    if not node.is_mapping:
        return [_known(node, world)]
    members = node.mapping(optional=["rule", "entity", "tags", "level", "score", "label", "view", "count"])
    if ("rule" in members) == ("entity" in members):
        raise node.error("name either a `rule` or an `entity`")
    if "tags" in members and "entity" in members:
        entity = members["entity"].text(ENTITY, "an entity such as EMAIL_ADDRESS")
        finding = Finding("", entity, LEVELS["medium"], 1.0, "", 0, 0, "")
    else:
        finding = _known(members["rule"] if "rule" in members else members["entity"], world)
    given: dict[str, Any] = {}
    if "tags" in members:
        given["tags"] = frozenset(members["tags"].strings(ID, "a tag"))
    if "level" in members:
        given["level"] = LEVELS[members["level"].choice(LEVELS)]
    if "score" in members:
        given["score"] = members["score"].number(0, 1)
    if "label" in members:
        label, tags = members["label"].text(LABEL, "a label of indexed material"), given.get("tags", finding.tags)
        kind = next((kind for kind in MATERIAL if kind in tags), MATERIAL[0])
        given["rule"] = f"{kind}-{label}"
    if "view" in members:
        given["view"] = members["view"].choice(["raw", ENCODED, SPOKEN])
    return [replace(finding, **given)] * (members["count"].integer(1, MOST) if "count" in members else 1)


def _known(node: Node, world: World) -> Finding:
    name = node.text()
    entities = {finding.entity for finding in world.findings}
    if name not in entities:
        rules = {finding.rule: finding for finding in world.findings if finding.rule}
        return rules[node.choice([*rules, *sorted(entities)])]
    found = sorted((one for one in world.findings if one.entity == name), key=lambda one: one.rule)
    if found[0].rule and len(found) > 1:
        raise node.error(f"several rules find {name}: name one, of {', '.join(one.rule for one in found)}")
    return found[0]
