"""Why a statement did not match, as far as the clear part of the record tells."""

from __future__ import annotations

from weighlock.model import Call, Direction, Finding, Principal
from weighlock.policy.condition import Unevaluable
from weighlock.policy.counting import Counts
from weighlock.policy.decide import speaks_of
from weighlock.policy.statements import CallMatch, Mode, PrincipalMatch, Statement


def why_not(
    statement: Statement,
    principal: Principal,
    call: Call,
    findings: tuple[Finding, ...],
    direction: Direction,
    counts: Counts | None = None,
) -> str:
    """The first thing that was not as *statement*, which did not match, wants it. *counts* as the verdict has them."""
    if statement.mode is Mode.OFF:
        return "it is off"
    if statement.restore:
        return "it says who sees originals, and decides nothing"
    if direction not in statement.directions:
        return f"it is about the {next(iter(statement.directions))}"
    return (
        _who(statement.principals, principal)
        or _what(statement.calls, call)
        or _found(statement, findings)
        or _counted(statement, counts)
        or _unrecorded(statement)
    )


def _who(match: PrincipalMatch, principal: Principal) -> str:
    for name in ("issuer", "workload", "owner"):
        wanted, held = getattr(match, f"{name}s"), getattr(principal, name)
        if wanted and held not in wanted:
            return f"the {name} is {held or 'not known'}, not {_any(wanted)}"
    if match.groups and not match.groups & principal.groups:
        return f"the principal is in {', '.join(sorted(principal.groups)) or 'no group'}, not in {_any(match.groups)}"
    return ""


def _what(match: CallMatch, call: Call) -> str:
    for name in ("destination", "dialect", "operation", "model"):
        wanted, held = getattr(match, f"{name}s"), getattr(call, name)
        if wanted and held not in wanted:
            return f"the {name} is {held or 'not known'}, not {_any(wanted)}"
    if call.size < match.min_size or (match.max_size is not None and call.size > match.max_size):
        most = "any" if match.max_size is None else match.max_size
        return f"the body has {call.size} bytes, not {match.min_size} to {most}"
    if match.stream not in (None, call.stream):
        return "the call asks for a stream" if call.stream else "the call asks for no stream"
    return ""


def _found(statement: Statement, findings: tuple[Finding, ...]) -> str:
    match = statement.findings
    if match is None:
        return ""
    count = sum(speaks_of(match, finding) for finding in findings)
    if count >= match.count:
        return ""
    return f"{count} of {match.count} findings that it speaks of" if count else "nothing that it speaks of was found"


def _counted(statement: Statement, counts: Counts | None) -> str:
    try:
        within = statement.over is not None and not statement.over.exceeded(counts)
    except Unevaluable:
        within = False
    return statement.over.said(counts) if statement.over and within else ""


def _unrecorded(statement: Statement) -> str:
    """What the clear part does not hold, and must have been the reason."""
    asked = [
        name
        for name, there in (
            ("claims", bool(statement.principals.claims)),
            ("tools", bool(statement.calls.tools)),
            ("condition", statement.when is not None),
        )
        if there
    ]
    return f"its {' or '.join(asked)} did not hold" if asked else "the record does not tell"


def _any(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
