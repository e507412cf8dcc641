"""What no gateway could hold to on some route: said when the policy is loaded, for nobody would notice later."""

from __future__ import annotations

from collections.abc import Iterator

from weighlock.model import Action
from weighlock.policy.lint import Remark, World
from weighlock.policy.statements import Mode, Policy, Statement

UNREAD = "generic"
"""The dialect of which nothing is known but that it is JSON."""


def unenforceable(policy: Policy, world: World) -> Iterator[Remark]:
    """A statement that narrows calls by their model, where a route does not tell it: such calls would pass by it."""
    for statement in policy.statements:
        if statement.effect is Action.ALLOW or statement.mode is Mode.OFF or not statement.calls.models:
            continue
        if destination := next((name for name, dialect, _ in world.routes if _is_on(statement, name, dialect)), None):
            text = (
                f"is about models, and nobody can tell the model of a call in `{UNREAD}` to {destination!r}: "
                f"take that dialect from the destination, or name the statement's own `dialects`"
            )
            yield Remark(statement, text)


def _is_on(statement: Statement, destination: str, dialect: str) -> bool:
    match = statement.calls
    listed = not match.destinations or destination in match.destinations
    return dialect == UNREAD and listed and (not match.dialects or dialect in match.dialects)
