"""rules/destinations.yaml: the model hosts that traffic may go to, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weighlock.model import RESERVED, Destination
from weighlock.rulefile import Node

_HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]{2,39}"
_CREDENTIAL = r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|none"


def parse(node: Node, dialects: Collection[str]) -> Mapping[tuple[str, int], Destination]:
    """By host and port. Raises ConfigError, also for one host and port listed twice."""
    listed: dict[tuple[str, int], Destination] = {}
    for item in node.mapping(required=["destinations"])["destinations"].sequence():
        members = item.mapping(
            required=["name", "host", "dialects"], optional=["port", "credential", "credential_header"]
        )
        credential = (
            members["credential"].text(_CREDENTIAL, "env:NAME, file:/PATH or none")
            if "credential" in members
            else "none"
        )
        header = members.get("credential_header")
        destination = Destination(
            name=members["name"].text(r"[a-z0-9][a-z0-9-]{0,63}", "a name of lower-case words and hyphens"),
            host=members["host"].text(_HOST, "a host in lower case, without scheme and port"),
            port=members["port"].integer(1, 65535) if "port" in members else 443,
            dialects=tuple(name.choice(dialects) for name in members["dialects"].sequence()),
            credential="" if credential == "none" else credential,
            credential_header=header.text(r"[a-z][a-z0-9-]{0,63}", "a header's name in lower case")
            if header
            else "authorization",
        )
        if destination.host == RESERVED.host:
            raise members["host"].error("this host is the gateway's own")
        if not destination.dialects:
            raise members["dialects"].error("name at least one dialect")
        if (destination.host, destination.port) in listed:
            raise item.error(f"{destination.host}:{destination.port} is listed twice")
        if destination.name in {other.name for other in listed.values()}:
            raise members["name"].error(f"{destination.name!r} is the name of two destinations")
        listed[destination.host, destination.port] = destination
    return listed
