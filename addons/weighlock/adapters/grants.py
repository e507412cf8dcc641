"""Grants are asked for by people, by the rules in force, and used by requests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from weighlock.adapters.register import Register
from weighlock.adapters.rulebook import Rules
from weighlock.approval import grants
from weighlock.approval.asked import Asked
from weighlock.approval.grants import Wanted
from weighlock.approval.lifecycle import Approver, check_reason
from weighlock.errors import Forbidden, Malformed
from weighlock.holds import Approval, Terms
from weighlock.policy.terms import combined


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody may ask a grant for; names, in order."""

    workloads: tuple[str, ...]
    statements: tuple[str, ...]
    destinations: tuple[str, ...]


def choices(rules: Rules, asker: Approver) -> Choices:
    """An owner asks for their own workloads, and who has a say in any hold for all. Forbidden for anybody else: what is
    asked for takes up room in which requests wait, and people's time.
    """
    held = _held(rules)
    has_say = any(asker.groups & terms.groups for terms in held.values())
    own = [one.id for one in rules.identity.workloads if has_say or one.owner.id in asker.persons]
    if not own:
        raise Forbidden("grant-asker", "A grant is asked for by its workload's owner, or a member of approving groups.")
    named = {destination.name for destination in rules.destinations.values()}
    return Choices(tuple(sorted(own)), tuple(sorted(held)), tuple(sorted(named)))


def wanted(rules: Rules, asked: Wanted, asker: Approver, reason: str, now: float) -> Approval:
    """The grant that *asked* is, by the rules in force. Malformed where they know nothing of what it is for."""
    may = choices(rules, asker)
    if asked.workload not in may.workloads:
        raise Malformed("grant-workload", "There is no such workload that you may ask for.")
    if asked.destination not in may.destinations:
        raise Malformed("grant-destination", "There is no such destination.")
    if not asked.statements or not set(asked.statements) <= set(may.statements):
        raise Malformed("grant-statements", f"A grant names statements that hold: {', '.join(may.statements)}.")
    check_reason(reason, needed=True)
    held = _held(rules)
    owner = rules.identity.workload(asked.workload).owner
    terms = combined([held[id] for id in asked.statements])
    return grants.pending(asked, terms, owner.id, owner.emails, asker.name, reason, secrets.token_hex(6), now)


def _held(rules: Rules) -> Mapping[str, Terms]:
    """The statements that hold, and on which terms."""
    known = {statement.id: statement.terms for statement in rules.policy.statements if statement.terms}
    uncovered = {"uncovered": rules.policy.uncovered_terms} if rules.policy.uncovered_terms else {}
    return known | uncovered


async def take(register: Register, asked: Asked, size: int, now: float) -> Approval | None:
    """The grant by which *asked* may go out now, and which counts it; None where there is none."""
    for grant in await register.stored(lambda store: store.grants(asked.principal.workload)):
        try:
            return await register.moved(grant.id, lambda held: grants.used(held, asked, size, now), asked.exchange)
        except Forbidden:
            continue
    return None
