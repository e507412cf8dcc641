"""What a request or response says, in the words of its API; one file each."""

from __future__ import annotations

from weighlock.destination import Destination
from weighlock.dialects import anthropic, gemini, generic, llamacpp, mcp, ollama, openai, tgi
from weighlock.dialects.base import RequestView
from weighlock.dialects.dialect import Dialect, Operation
from weighlock.errors import Forbidden

DIALECTS: tuple[Dialect, ...] = (
    openai.DIALECT,
    anthropic.DIALECT,
    gemini.DIALECT,
    ollama.DIALECT,
    llamacpp.DIALECT,
    tgi.DIALECT,
    mcp.DIALECT,
    generic.DIALECT,
)


def named(name: str) -> Dialect:
    """StopIteration for a name that no dialect has: rules are checked against DIALECTS when they are loaded."""
    return next(dialect for dialect in DIALECTS if dialect.name == name)


def choose(view: RequestView, destination: Destination) -> tuple[Dialect, Operation]:
    """The first of the destination's dialects that knows *view*, and as what; Forbidden where none does."""
    for name in destination.dialects:
        dialect = named(name)
        if operation := dialect.operation(view):
            return dialect, operation
    raise Forbidden(
        "dialect-unknown",
        "This is no call that destination is listed for.",
        next_step=f"Listed: {', '.join(destination.dialects)}; see rules/destinations.yaml.",
    )
