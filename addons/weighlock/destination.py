"""Where traffic may go, and where the gateway's own credential for it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """Where the gateway's own credential for a destination comes from. It holds no secret itself."""

    source: str
    place: tuple[str, ...]
    """Of *source* `env` the variable's name, of `file` the path, of `command` its words."""
    lifetime: float = 0.0
    """Seconds for which a command's output is good."""
    provider: str = ""
    """Whose token endpoint takes what *source* says as a subject token, and gives the credential; empty for none."""
    endpoint: str = ""
    ids: tuple[tuple[str, str], ...] = ()
    """What else the exchange's request says, by member."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A model host that traffic may go to. *host* is lower case, without a port."""

    name: str
    host: str
    port: int
    dialects: tuple[str, ...]
    credential: Credential | None = None
    credential_header: str = "authorization"
    not_inspected: frozenset[str] = frozenset()
    """What may go there and come from there though nobody can read it: image, audio, video, file."""


RESERVED = Destination(name="weighlock", host="weighlock.internal", port=443, dialects=())
"""Answered by the gateway itself, and never connected to. Nobody can own a name in `.internal` (ICANN, 2024)."""
