"""The verdict: a pure function of policy, principal, call and findings.

Laws: the order of statements and findings makes no difference; another statement of a stricter effect never loosens;
where nothing allows, the call is blocked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weighlock.model import ENCODED, Action, Call, Direction, Finding, OperatorSpec, Principal, Verdict
from weighlock.policy.schema import CallMatch, FindingMatch, Policy, PrincipalMatch, Statement

NO_ALLOW = "no-allow"
UNCOVERED = "uncovered"


def decide(
    policy: Policy, principal: Principal, call: Call, findings: Sequence[Finding], direction: Direction
) -> Verdict:
    """What happens to *call*, or to the reply to it. Nobody can be asked about a reply, so there HOLD is BLOCK."""
    speaking = [
        statement
        for statement in policy.statements
        if direction in statement.directions
        and not statement.restore
        and _principal(statement.principals, principal)
        and _call(statement.calls, call)
    ]
    matched = [statement for statement in speaking if _fires(statement, findings)]
    effects = [(statement, _effect(statement, findings)) for statement in matched]
    because = {statement.id: effect for statement, effect in effects}
    if not any(statement.effect is Action.ALLOW and statement.findings is None for statement in matched):
        because[NO_ALLOW] = Action.BLOCK
    covered = {finding for statement in matched for finding in _of(statement, findings)}
    if any(finding not in covered for finding in findings) and policy.uncovered is not Action.ALLOW:
        because[UNCOVERED] = max(policy.uncovered, because.get(UNCOVERED, Action.ALLOW))
    action = strictest = max(because.values())
    if direction is Direction.RESPONSE and action is Action.HOLD:
        action = Action.BLOCK
    decisive = [statement for statement, effect in effects if effect == strictest]
    return Verdict(
        action=action,
        because=tuple(sorted(id for id, effect in because.items() if effect == strictest)),
        operators=_operators(policy, matched, findings),
        policy=policy.digest,
        reason=next((s.reason for s in sorted(decisive, key=lambda s: s.id) if s.reason), _said(because, strictest)),
        approvers=_approvers(policy, decisive, because) if action is Action.HOLD else frozenset(),
        within=min((s.within for s in decisive if s.within), default=0.0) if action is Action.HOLD else 0.0,
    )


def restores(policy: Policy, principal: Principal, call: Call) -> tuple[FindingMatch, ...]:
    """What of its own pseudonyms *principal* sees as they were in the reply to *call*; empty for nothing."""
    return tuple(
        statement.findings or FindingMatch()
        for statement in policy.statements
        if statement.restore and _principal(statement.principals, principal) and _call(statement.calls, call)
    )


def acts_on(policy: Policy, principal: Principal, call: Call, finding: Finding) -> bool:
    """Whether *finding* in the reply to *call* could make a difference, by itself or together with others."""
    speaking = [
        statement
        for statement in policy.statements
        if statement.findings
        and not statement.restore
        and Direction.RESPONSE in statement.directions
        and _principal(statement.principals, principal)
        and _call(statement.calls, call)
        and speaks_of(statement.findings, finding)
    ]
    covered = any(statement.findings and statement.findings.count == 1 for statement in speaking)
    stricter = any(statement.effect > Action.ALLOW for statement in speaking)
    return stricter or (not covered and policy.uncovered is not Action.ALLOW)


def alone(
    policy: Policy, principal: Principal, call: Call, finding: Finding, direction: Direction = Direction.RESPONSE
) -> OperatorSpec | None:
    """What masks *finding* in a stream, whatever else is found there: a stream cannot wait for what will follow."""
    return decide(policy, principal, call, (finding,), direction).operators.get(finding.entity)


def _fires(statement: Statement, findings: Sequence[Finding]) -> bool:
    return statement.findings is None or len(_of(statement, findings)) >= statement.findings.count


def _effect(statement: Statement, findings: Sequence[Finding]) -> Action:
    if statement.encoded is Action.BLOCK and any(finding.view == ENCODED for finding in _of(statement, findings)):
        return Action.BLOCK
    return statement.effect


def _of(statement: Statement, findings: Iterable[Finding]) -> list[Finding]:
    match = statement.findings
    return [finding for finding in findings if speaks_of(match, finding)] if match else []


def _principal(match: PrincipalMatch, principal: Principal) -> bool:
    return (
        _in(principal.issuer, match.issuers)
        and _in(principal.workload, match.workloads)
        and _in(principal.owner, match.owners)
        and (not match.groups or bool(match.groups & principal.groups))
    )


def _call(match: CallMatch, call: Call) -> bool:
    return (
        _in(call.destination, match.destinations)
        and _in(call.dialect, match.dialects)
        and _in(call.operation, match.operations)
        and _in(call.model, match.models)
        and call.size >= match.min_size
    )


def speaks_of(match: FindingMatch, finding: Finding) -> bool:
    """Whether *finding* is one of those that a statement counts."""
    named = not (match.entities or match.tags) or finding.entity in match.entities or bool(match.tags & finding.tags)
    return named and finding.level >= match.level and finding.score >= match.score


def _in(value: str, allowed: frozenset[str]) -> bool:
    return not allowed or value in allowed


def _operators(policy: Policy, matched: Sequence[Statement], findings: Sequence[Finding]) -> dict[str, OperatorSpec]:
    """By entity. A call that is let through by approval is masked all the same."""
    asked: dict[str, list[OperatorSpec]] = {}
    for statement in matched:
        if statement.operator is not None:
            for entity in {finding.entity for finding in _of(statement, findings)}:
                asked.setdefault(entity, []).append(statement.operator)
    return {entity: _strictest(policy, specs) for entity, specs in asked.items()}


def _strictest(policy: Policy, specs: Sequence[OperatorSpec]) -> OperatorSpec:
    """Of one operator with two sets of parameters neither is the stricter: then the strictest operator of all runs."""
    name = min((spec.name for spec in specs), key=policy.strictness.__getitem__)
    first, *others = [spec for spec in specs if spec.name == name]
    if all(other == first for other in others):
        return first
    return OperatorSpec(min(policy.strictness, key=policy.strictness.__getitem__))


def _approvers(policy: Policy, decisive: Sequence[Statement], because: dict[str, Action]) -> frozenset[str]:
    """Groups that every holding statement accepts; where they share none, nobody can lift the hold."""
    groups = [statement.approvers for statement in decisive]
    if because.get(UNCOVERED) is Action.HOLD:
        groups.append(policy.uncovered_approvers)
    return frozenset.intersection(*groups) if groups else frozenset()


def _said(because: dict[str, Action], strictest: Action) -> str:
    if because.get(NO_ALLOW) == strictest:
        return "No statement allows this call."
    if because.get(UNCOVERED) == strictest:
        return "Something was found that no statement speaks of."
    return ""
