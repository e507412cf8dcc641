"""The verdict: a pure function of policy, principal, call and findings.

Laws: the order of statements and findings makes no difference; another statement of a stricter effect never loosens;
where nothing allows, the call is blocked; a condition that cannot be evaluated blocks, and so does a count that nobody
knows; the more was counted, the stricter; a statement that only watches changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weighlock import claims
from weighlock.holds import Terms
from weighlock.model import ENCODED, SPOKEN, Action, Call, Direction, Finding, OperatorSpec, Principal, Verdict
from weighlock.policy.combine import Match, operators
from weighlock.policy.condition import Given, Unevaluable
from weighlock.policy.counting import Counts
from weighlock.policy.statements import (
    MATERIAL,
    CallMatch,
    FindingMatch,
    Mode,
    Policy,
    PrincipalMatch,
    Statement,
)
from weighlock.policy.terms import combined

NO_ALLOW = "no-allow"
UNCOVERED = "uncovered"


def decide(
    policy: Policy,
    principal: Principal,
    call: Call,
    findings: Sequence[Finding],
    direction: Direction,
    counts: Counts | None = None,
) -> Verdict:
    """What happens to *call*, or to the reply to it. Nobody can be asked about a reply, so there HOLD is BLOCK.

    *counts* include what is judged here; None where nobody knows them: then statements that ask for them block.
    """
    findings = [finding for finding in findings if is_judged(policy, finding, direction)]
    given = Given(principal, call, findings, counts)
    matched = [
        match for statement in _asked(policy, given, direction) if (match := _match(statement, given, direction))
    ]
    in_force = [match for match in matched if match.statement.mode is Mode.ENFORCE]
    verdict = _verdict(policy, in_force, given, direction)
    if len(in_force) == len(matched):
        return verdict
    shadow = sorted(match.statement.id for match in matched if match.statement.mode is Mode.SHADOW)
    return replace(verdict, shadow=tuple(shadow), would=_verdict(policy, matched, given, direction).action)


def is_judged(policy: Policy, finding: Finding, direction: Direction) -> bool:
    """Whether statements may speak of *finding*."""
    return direction is Direction.REQUEST or policy.hears_replies or finding.view != SPOKEN


def _asked(policy: Policy, given: Given, direction: Direction) -> Sequence[Statement]:
    """Those that could match; the others cannot."""
    return policy.index.candidates(given.principal, given.call, given.findings, direction)


def _match(statement: Statement, given: Given, direction: Direction) -> Match | None:
    if statement.restore or not _speaks(statement, given, direction):
        return None
    match = statement.findings
    found = [finding for kind in given.kinds if speaks_of(match, kind[0]) for finding in kind] if match else []
    if match and len(found) < match.count:
        return None
    try:
        if statement.when and not statement.when.holds(given):
            return None
        if statement.over and not statement.over.exceeded(given.counts):
            return None
    except Unevaluable:
        return Match(statement, Action.BLOCK, found)
    if statement.encoded is Action.BLOCK and any(finding.view == ENCODED for finding in found):
        return Match(statement, Action.BLOCK, found)
    return Match(statement, statement.effect, found)


def _verdict(policy: Policy, matched: Sequence[Match], given: Given, direction: Direction) -> Verdict:
    because = {match.statement.id: match.effect for match in matched}
    allows = (match.statement for match in matched if match.effect is Action.ALLOW)
    if not any(statement.findings is None for statement in allows):
        because[NO_ALLOW] = Action.BLOCK
    # By much use nothing comes to be spoken of that was not: it would loosen.
    covered = {id(finding) for match in matched if match.statement.over is None for finding in match.found}
    if any(id(finding) not in covered for finding in given.findings) and policy.uncovered is not Action.ALLOW:
        because[UNCOVERED] = max(policy.uncovered, because.get(UNCOVERED, Action.ALLOW))
    action = strictest = max(because.values())
    if direction is Direction.RESPONSE and action is Action.HOLD:
        action = Action.BLOCK
    decisive = sorted((match.statement for match in matched if match.effect == strictest), key=lambda one: one.id)
    return Verdict(
        action=action,
        because=tuple(sorted(id for id, effect in because.items() if effect == strictest)),
        operators=operators(policy, matched),
        policy=policy.digest,
        reason=_reason(decisive, given.counts) or _said(because, strictest),
        terms=_terms(policy, decisive, because) if action is Action.HOLD else None,
        matched=tuple(sorted(match.statement.id for match in matched)),
        counts=given.counts or {},
    )


def restores(policy: Policy, principal: Principal, call: Call) -> tuple[FindingMatch, ...]:
    """What of its own pseudonyms *principal* sees as they were in the reply to *call*; empty for nothing."""
    given = Given(principal, call, ())
    return tuple(
        statement.findings or FindingMatch()
        for statement in policy.statements
        if statement.restore
        and statement.mode is Mode.ENFORCE
        and _speaks(statement, given, Direction.RESPONSE)
        and _may_hold(statement, given, otherwise=False)
    )


def acts_on(policy: Policy, principal: Principal, call: Call, finding: Finding) -> bool:
    """Whether *finding* in the reply to *call* could make a difference, by itself or together with others: also to what
    is only recorded, and to a later call, where it is counted.
    """
    if not is_judged(policy, finding, Direction.RESPONSE):
        return False
    given = Given(principal, call, (finding,))
    speaking = [
        statement
        for statement in _asked(policy, given, Direction.RESPONSE)
        if statement.findings
        and not statement.restore
        and _speaks(statement, given, Direction.RESPONSE)
        and speaks_of(statement.findings, finding)
        and (statement.counts or _may_hold(statement, given, otherwise=True))
    ]
    in_force = [statement for statement in speaking if statement.mode is Mode.ENFORCE]
    covered = any(not statement.counts for statement in in_force)
    stricter = any(statement.effect > Action.ALLOW or statement.when for statement in speaking)
    counted = any(over.asks_about(finding) for over in policy.overs)
    return counted or stricter or (not covered and policy.uncovered is not Action.ALLOW)


def alone(
    policy: Policy,
    principal: Principal,
    call: Call,
    finding: Finding,
    direction: Direction = Direction.RESPONSE,
    counts: Counts | None = None,
) -> OperatorSpec | None:
    """What masks *finding* in a stream, whatever else is found there: a stream cannot wait for what will follow."""
    return decide(policy, principal, call, (finding,), direction, counts).operators.get(finding.entity)


def _may_hold(statement: Statement, given: Given, *, otherwise: bool) -> bool:
    """*otherwise*, where nobody can tell."""
    try:
        return statement.when is None or statement.when.holds(given)
    except Unevaluable:
        return otherwise


def _speaks(statement: Statement, given: Given, direction: Direction) -> bool:
    return (
        statement.mode is not Mode.OFF
        and direction in statement.directions
        and _principal(statement.principals, given.principal)
        and _call(statement.calls, given.call, strict=statement.effect is not Action.ALLOW)
    )


def _principal(match: PrincipalMatch, principal: Principal) -> bool:
    return (
        (not match.issuers or principal.issuer in match.issuers)
        and (not match.workloads or principal.workload in match.workloads)
        and (not match.owners or principal.owner in match.owners)
        and (not match.groups or not match.groups.isdisjoint(principal.groups))
        and (not match.claims or all(_has(principal, name, values) for name, values in match.claims.items()))
    )


def _has(principal: Principal, name: str, values: frozenset[str]) -> bool:
    held = claims.value(principal.claims, name)
    return any(claims.spelled(one) in values for one in (held if isinstance(held, list) else [held]))


def _call(match: CallMatch, call: Call, *, strict: bool) -> bool:
    """*strict*: what nobody can tell counts as if it matched."""
    tools = not match.tools or (strict if call.tools is None else not match.tools.isdisjoint(call.tools))
    return (
        tools
        and (not match.destinations or call.destination in match.destinations)
        and (not match.dialects or call.dialect in match.dialects)
        and (not match.operations or call.operation in match.operations)
        and (not match.models or call.model in match.models)
        and call.size >= match.min_size
        and (match.max_size is None or call.size <= match.max_size)
        and (match.stream is None or match.stream == call.stream)
    )


def speaks_of(match: FindingMatch, finding: Finding) -> bool:
    """Whether *finding* is one of those that a statement counts."""
    named = (
        finding.entity in match.entities
        or not match.tags.isdisjoint(finding.tags)
        or not (match.entities or match.tags)
    )
    return (
        named
        and finding.level >= match.level
        and finding.score >= match.score
        and (not match.labels or finding.rule in {f"{kind}-{label}" for kind in MATERIAL for label in match.labels})
    )


def _terms(policy: Policy, decisive: Sequence[Statement], because: dict[str, Action]) -> Terms:
    """Those of every statement that holds, together."""
    asked = [statement.terms for statement in decisive]
    if because.get(UNCOVERED) is Action.HOLD:
        asked.append(policy.uncovered_terms)
    return combined([terms for terms in asked if terms])


def _reason(decisive: Sequence[Statement], counts: Counts | None) -> str:
    """Of the first that gives one; and, of those that count, what was counted."""
    given = next((statement.reason for statement in decisive if statement.reason), "")
    counted = [f"Counted: {statement.over.said(counts)}." for statement in decisive if statement.over]
    return " ".join(filter(None, (given, *counted[:1])))


def _said(because: dict[str, Action], strictest: Action) -> str:
    if because.get(NO_ALLOW) == strictest:
        return "No statement allows this call."
    if because.get(UNCOVERED) == strictest:
        return "Something was found that no statement speaks of."
    return ""
