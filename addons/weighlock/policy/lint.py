"""What a policy says in vain, or twice in two ways, in the world that the other rules describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from weighlock.model import Action, Direction, Finding
from weighlock.policy.decide import speaks_of
from weighlock.policy.statements import FindingMatch, Mode, Policy, PrincipalMatch, Statement


@dataclass(frozen=True, slots=True)
class Caller:
    """A workload, and where it may call; empty sets are for anything."""

    issuer: str
    workload: str
    owner: str
    claims: Mapping[str, str]
    destinations: frozenset[str]
    models: frozenset[str]


@dataclass(frozen=True, slots=True)
class World:
    callers: Sequence[Caller]
    routes: Sequence[tuple[str, str, str]]
    """Destination, dialect, operation."""
    findings: Sequence[Finding]
    """One of each kind that can be found, as sure as it can be."""


@dataclass(frozen=True, slots=True)
class Remark:
    statement: Statement
    text: str


def contradictions(policy: Policy, world: World) -> Iterator[Remark]:
    """Two operators for one entity where everything else is the same: nobody can tell which is meant."""
    masks = [statement for statement in policy.statements if statement.operator and statement.mode is not Mode.OFF]
    for one, other in combinations(masks, 2):
        if one.operator == other.operator or one.mode is not other.mode or not _same_condition(one, other):
            continue
        entities = _entities(one.findings, world) & _entities(other.findings, world)
        if entities:
            text = f"{min(entities)} is masked by {other.id!r} too, with another operator, in the same case"
            yield Remark(one, text)


def remarks(policy: Policy, world: World) -> Iterator[Remark]:
    """What is no mistake by itself, and seldom meant."""
    for statement in policy.statements:
        if statement.mode is Mode.OFF:
            continue
        if why := _never(statement, world):
            yield Remark(statement, f"can never match: {why}")
        elif over := _covering(statement, policy):
            yield Remark(statement, f"makes no difference: {over.id!r} is stricter, and matches wherever it does")
        elif statement.effect is Action.HOLD and statement.directions == {Direction.RESPONSE}:
            yield Remark(statement, "blocks: nobody can be asked about a reply")


def _never(statement: Statement, world: World) -> str:
    callers = [caller for caller in world.callers if _calls(statement.principals, caller)]
    if not callers:
        return "no workload is so"
    match = statement.calls
    routes = [
        (destination, dialect, operation)
        for destination, dialect, operation in world.routes
        if _in(destination, match.destinations) and _in(dialect, match.dialects) and _in(operation, match.operations)
    ]
    if not routes:
        return "no destination takes such calls"
    reached = {destination for destination, _, _ in routes}
    if not any(
        (not caller.destinations or caller.destinations & reached)
        and (not caller.models or not match.models or caller.models & match.models)
        for caller in callers
    ):
        return "no workload that it names may call there"
    wanted = statement.findings
    if wanted and not wanted.labels and not any(speaks_of(wanted, finding) for finding in world.findings):
        return "nothing that is found is so bad and so sure"
    return ""


def _calls(match: PrincipalMatch, caller: Caller) -> bool:
    return (
        _in(caller.issuer, match.issuers)
        and _in(caller.workload, match.workloads)
        and _in(caller.owner, match.owners)
        and all(caller.claims.get(name) in (None, *values) for name, values in match.claims.items())
    )


def _in(value: str, allowed: frozenset[str]) -> bool:
    return not allowed or value in allowed


def _covering(statement: Statement, policy: Policy) -> Statement | None:
    """Whatever is blocked anyway needs no other statement; what is masked or held anyway, no allow of its findings."""
    if statement.restore:
        return None
    for other in policy.statements:
        if other.mode is not Mode.ENFORCE or other.restore or other.effect <= statement.effect:
            continue
        decisive = other.effect is Action.BLOCK or (
            statement.effect is Action.ALLOW and statement.findings and other.findings
        )
        if decisive and _wider(other, statement):
            return other
    return None


def _wider(other: Statement, statement: Statement) -> bool:
    """Whether *other* matches wherever *statement* does. In doubt, no."""
    mine, its = statement.calls, other.calls
    return (
        statement.directions <= other.directions
        and (other.when is None or other.when == statement.when)
        and (other.over is None or other.over.covers(statement.over))
        and all(
            _holds(getattr(other.principals, name), getattr(statement.principals, name))
            for name in ("issuers", "workloads", "owners", "groups")
        )
        and all(
            _holds(values, statement.principals.claims.get(name, frozenset()))
            for name, values in other.principals.claims.items()
        )
        and all(
            _holds(getattr(its, name), getattr(mine, name))
            for name in ("destinations", "dialects", "operations", "models", "tools")
        )
        and its.stream in (None, mine.stream)
        and its.min_size <= mine.min_size
        and (its.max_size is None or (mine.max_size is not None and mine.max_size <= its.max_size))
        and (other.findings is None or (statement.findings is not None and _counts(other.findings, statement.findings)))
    )


def _counts(other: FindingMatch, match: FindingMatch) -> bool:
    named = not (other.entities or other.tags) or (
        bool(match.entities or match.tags) and match.entities <= other.entities and match.tags <= other.tags
    )
    return (
        named
        and _holds(other.labels, match.labels)
        and other.level <= match.level
        and other.score <= match.score
        and other.count <= match.count
    )


def _holds(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    return not wide or (bool(narrow) and narrow <= wide)


def _same_condition(one: Statement, other: Statement) -> bool:
    a, b = one.findings or FindingMatch(), other.findings or FindingMatch()
    return (
        bool(one.directions & other.directions)
        and (one.principals, one.calls, one.when, one.over) == (other.principals, other.calls, other.when, other.over)
        and (a.level, a.score, a.count, a.labels) == (b.level, b.score, b.count, b.labels)
    )


def _entities(match: FindingMatch | None, world: World) -> set[str]:
    named = set(match.entities) if match else set()
    return named | {finding.entity for finding in world.findings if match and speaks_of(match, finding)}
