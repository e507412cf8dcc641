"""Grants are asked for by people, by the rules in force, and used by requests."""

from __future__ import annotations

import secrets

from weighlock.adapters.register import Register
from weighlock.adapters.rulebook import Rules
from weighlock.approval import grants
from weighlock.approval.asked import Asked
from weighlock.approval.grants import Wanted
from weighlock.errors import Forbidden, Malformed
from weighlock.holds import Approval, Terms
from weighlock.policy.terms import combined


def wanted(rules: Rules, asked: Wanted, reason: str, now: float) -> Approval:
    """The grant that *asked* is, by the rules in force. Malformed where they know nothing of what it is for."""
    workload = next((one for one in rules.identity.workloads if one.id == asked.workload), None)
    if workload is None:
        raise Malformed("grant-workload", "There is no such workload.")
    if asked.destination not in {destination.name for destination in rules.destinations.values()}:
        raise Malformed("grant-destination", "There is no such destination.")
    owner = workload.owner
    terms = _terms(rules, asked.statements)
    return grants.pending(asked, terms, owner.id, owner.emails, reason, secrets.token_hex(6), now)


def _terms(rules: Rules, statements: tuple[str, ...]) -> Terms:
    known = {statement.id: statement.terms for statement in rules.policy.statements if statement.terms}
    if rules.policy.uncovered_terms:
        known["uncovered"] = rules.policy.uncovered_terms
    if not statements or not set(statements) <= known.keys():
        raise Malformed("grant-statements", f"A grant names statements that hold: {', '.join(sorted(known))}.")
    return combined([known[id] for id in statements])


async def take(register: Register, asked: Asked, size: int, now: float) -> Approval | None:
    """The grant by which *asked* may go out now, and which counts it; None where there is none."""
    for grant in await register.stored(lambda store: store.grants(asked.principal.workload)):
        try:
            return await register.moved(grant, lambda held: grants.used(held, asked, size, now), asked.exchange)
        except Forbidden:
            continue
    return None
