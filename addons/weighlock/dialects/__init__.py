"""What a request or response says, in the words of its API; one file each."""

from __future__ import annotations

from weighlock.destination import Destination
from weighlock.dialects import generic, openai
from weighlock.dialects.base import Dialect, RequestView
from weighlock.errors import Forbidden

DIALECTS: tuple[Dialect, ...] = (openai, generic)


def named(name: str) -> Dialect:
    """StopIteration for a name that no dialect has: rules are checked against DIALECTS when they are loaded."""
    return next(dialect for dialect in DIALECTS if dialect.name == name)


def choose(view: RequestView, destination: Destination) -> Dialect:
    """The first of the destination's dialects that recognises *view*; Forbidden where none does."""
    for name in destination.dialects:
        if named(name).recognises(view):
            return named(name)
    raise Forbidden(
        "dialect-unknown",
        "This is no call that destination is listed for.",
        next_step=f"Listed: {', '.join(destination.dialects)}; see rules/destinations.yaml.",
    )
