"""rules/destinations.yaml: the model hosts that traffic may go to, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from weighlock.destination import RESERVED, Credential, Destination
from weighlock.policy.federation import PROVIDERS, TOKEN_TYPES
from weighlock.policy.terms import duration
from weighlock.rulefile import Node

KINDS = ("image", "audio", "video", "file")
"""What no detector reads."""
LIFETIME = 900.0
"""Seconds for which a command's output is good where the rules do not say."""

_HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]{2,39}"
_SOURCE = r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+"
_ID = r"[\x21-\x7e]{1,200}"
_HEADER = "authorization"
_ENDPOINT = r"(https://[^\s/?#@]{1,250}|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)(/[^\s?#]{0,250})?"


def parse(node: Node, dialects: Collection[str]) -> Mapping[tuple[str, int], Destination]:
    """By host and port. Raises ConfigError, also for one host and port listed twice."""
    listed: dict[tuple[str, int], Destination] = {}
    for item in node.mapping(required=["destinations"])["destinations"].sequence():
        members = item.mapping(
            required=["name", "host", "dialects"],
            optional=["port", "credential", "credential_header", "not_inspected"],
        )
        header = members.get("credential_header")
        destination = Destination(
            name=members["name"].text(r"[a-z0-9][a-z0-9-]{0,63}", "a name of lower-case words and hyphens"),
            host=members["host"].text(_HOST, "a host in lower case, without scheme and port"),
            port=members["port"].integer(1, 65535) if "port" in members else 443,
            dialects=tuple(name.choice(dialects) for name in members["dialects"].sequence()),
            credential=_credential(members["credential"]) if "credential" in members else None,
            credential_header=header.text(r"[a-z][a-z0-9-]{0,63}", "a header's name in lower case")
            if header
            else _HEADER,
            not_inspected=frozenset(kind.choice(KINDS) for kind in members["not_inspected"].sequence())
            if "not_inspected" in members
            else frozenset(),
        )
        if destination.host == RESERVED.host:
            raise members["host"].error("this host is the gateway's own")
        if not destination.dialects:
            raise members["dialects"].error("name at least one dialect")
        if header and destination.credential_header != _HEADER and _federated(destination):
            raise header.error(f"a federated token is a bearer token, which stands in {_HEADER!r}")
        if (destination.host, destination.port) in listed:
            raise item.error(f"{destination.host}:{destination.port} is listed twice")
        if destination.name in {other.name for other in listed.values()}:
            raise members["name"].error(f"{destination.name!r} is the name of two destinations")
        listed[destination.host, destination.port] = destination
    return listed


def _federated(destination: Destination) -> bool:
    return bool(destination.credential and destination.credential.provider)


def _credential(node: Node) -> Credential | None:
    if not node.is_mapping:
        said = _unquoted(node, f"{_SOURCE}|none", "env:NAME, file:/PATH, none, or a mapping")
        return None if said == "none" else _source(node)
    members = node.mapping(optional=["command", "lifetime", "federation"])
    if "federation" not in members:
        return _source(node)
    return _federation(node.mapping(required=["federation"])["federation"])


def _source(node: Node) -> Credential:
    """`env:NAME` or `file:/PATH`, or a mapping with a command."""
    if node.is_mapping:
        members = node.mapping(required=["command"], optional=["lifetime"])
        lifetime = members["lifetime"].read(duration, "a duration such as 15m") if "lifetime" in members else LIFETIME
        return Credential("command", _command(members["command"]), lifetime)
    source, _, place = _unquoted(node, _SOURCE, "env:NAME or file:/PATH").partition(":")
    return Credential(source, (place,))


def _unquoted(node: Node, pattern: str, hint: str) -> str:
    """A text that no error repeats: it may be the secret itself, in the place of where it lies."""
    text = node.text(r"(?s).*", hint)
    if not re.fullmatch(pattern, text):
        raise node.error(f"expected {hint}")
    return text


def _command(node: Node) -> tuple[str, ...]:
    words = node.strings(r"[^\0]*", "a word")
    if not words or not words[0].startswith("/"):
        raise node.error("name the program by its whole path, then its arguments; no shell reads this")
    return words


def _federation(node: Node) -> Credential:
    known = {name for provider in PROVIDERS.values() for name in (*provider.required, *provider.optional)}
    both, more = ("provider", "subject_token"), ("token_url", *sorted(known))
    name = node.mapping(required=both, optional=more)["provider"].choice(PROVIDERS)
    provider = PROVIDERS[name]
    members = node.mapping(required=(*both, *provider.required), optional=("token_url", *provider.optional))
    ids = [(each, _id(each, members[each])) for each in (*provider.required, *provider.optional) if each in members]
    url = members.get("token_url")
    subject = members["subject_token"]
    command = subject.mapping(required=["command"])["command"] if subject.is_mapping else None
    return replace(
        Credential("command", _command(command)) if command else _source(subject),
        provider=name,
        endpoint=url.text(_ENDPOINT, "an https URL without a query, or http on loopback") if url else provider.endpoint,
        ids=tuple((dict(provider.defaults) | dict(ids)).items()),
    )


def _id(name: str, node: Node) -> str:
    return TOKEN_TYPES[node.choice(TOKEN_TYPES)] if name == "subject_token_type" else node.text(_ID, "an id")
