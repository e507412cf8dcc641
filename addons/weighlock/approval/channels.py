"""Whom approvals are told to: the file of channels, read strictly. Its secrets stand in the environment."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from weighlock.approval.notices import News
from weighlock.rulefile import Node

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MOST = 50
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_USUAL = frozenset({News.PENDING, News.BROKEN_GLASS})
_COMMON = ("events", "groups", "ca")
_ADDRESS = r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,253}"


class Medium(StrEnum):
    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"
    EMAIL = "email"


_URL = ("url", "url_env")
_KEYS: Mapping[Medium, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Medium.WEBHOOK: (("secret_env",), _URL),
    Medium.SLACK: ((), _URL),
    Medium.TEAMS: ((), _URL),
    Medium.EMAIL: (("host", "from", "to"), ("port", "tls", "user", "password_env")),
}
"""What each needs besides, and what it may have."""


@dataclass(frozen=True, slots=True)
class Mail:
    """*tls* is starttls, tls or none."""

    host: str
    port: int
    tls: str
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    id: str
    medium: Medium
    events: frozenset[News]
    groups: frozenset[str]
    """Only approvals that one of them has a say in; empty: all."""
    url: str = field(default="", repr=False)
    """Of Slack and Teams, it is a secret itself."""
    secret: bytes = field(default=b"", repr=False)
    mail: Mail | None = None
    ca: str = ""
    """PEM file of authorities that takes the place of the system's."""


def channels(root: Node, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """Raises ConfigError with the place, also of a secret whose variable is not there."""
    listed = root.mapping(required=("channels",))["channels"]
    found: dict[str, Channel] = {}
    for node in listed.sequence():
        channel = _channel(node, environ)
        if channel.id in found:
            raise node.error(f"there are two channels {channel.id!r}")
        found[channel.id] = channel
    if len(found) > MOST:
        raise listed.error(f"more than {MOST} channels")
    return tuple(found.values())


def _channel(node: Node, environ: Mapping[str, str]) -> Channel:
    said = dict(node.members())
    if "kind" not in said:
        raise node.error("'kind' is missing")
    medium = Medium(said["kind"].choice([one.value for one in Medium]))
    email = medium is Medium.EMAIL
    needed, others = _KEYS[medium]
    said = node.mapping(required=("id", "kind", *needed), optional=(*_COMMON, *others))
    return Channel(
        id=said["id"].text(r"[a-z0-9][a-z0-9-]{0,39}", "an id of small letters, digits and -"),
        medium=medium,
        events=_events(said["events"]) if "events" in said else _USUAL,
        groups=frozenset(said["groups"].strings()) if "groups" in said else frozenset(),
        url="" if email else _url(node, said, environ),
        secret=_secret(said["secret_env"], environ) if "secret_env" in said else b"",
        mail=_mail(said, environ) if email else None,
        ca=said["ca"].text() if "ca" in said else "",
    )


def _events(node: Node) -> frozenset[News]:
    return frozenset(News(one.choice([news.value for news in News])) for one in node.sequence())


def _variable(node: Node, environ: Mapping[str, str]) -> str:
    name = node.text(r"[A-Za-z_][A-Za-z0-9_]{0,99}", "the name of a variable")
    if not environ.get(name):
        raise node.error(f"the environment has no variable {name}; set it where the gateway is started")
    return environ[name]


def _url(node: Node, said: Mapping[str, Node], environ: Mapping[str, str]) -> str:
    if ("url" in said) == ("url_env" in said):
        raise node.error("needs one of 'url' and 'url_env'")
    place = said.get("url") or said["url_env"]
    url = place.text() if "url" in said else _variable(place, environ)
    if not _is_safe(url):
        raise place.error("not an https URL without a user or fragment (http on loopback only)")
    return url


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    near = parts.scheme == "http" and host in LOOPBACK
    plain = bool(re.fullmatch(r"[!-~]{1,2000}", url)) and "@" not in parts.netloc and "#" not in url
    return bool(host) and port != 0 and plain and (parts.scheme == "https" or near)


def _secret(node: Node, environ: Mapping[str, str]) -> bytes:
    """As Standard Webhooks write it: whsec_ and 24 to 64 bytes in base64."""
    text = _variable(node, environ)
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith("whsec_") or not 24 <= len(secret) <= 64:
        raise node.error("the variable is not whsec_ and 24 to 64 bytes in base64, as Standard Webhooks have it")
    return secret


def _mail(said: Mapping[str, Node], environ: Mapping[str, str]) -> Mail:
    tls = said["tls"].choice(list(_PORTS)) if "tls" in said else "starttls"
    if ("user" in said) != ("password_env" in said):
        raise said["host"].error("needs both 'user' and 'password_env', or none of them")
    mail = Mail(
        host=said["host"].text(r"[A-Za-z0-9.:-]{1,253}", "a host"),
        port=said["port"].integer(1, 65535) if "port" in said else _PORTS[tls],
        tls=tls,
        sender=said["from"].text(_ADDRESS, "an address"),
        to=said["to"].strings(_ADDRESS, "an address"),
        user=said["user"].text() if "user" in said else "",
        password=_variable(said["password_env"], environ) if "password_env" in said else "",
    )
    if not mail.to:
        raise said["to"].error("nobody to write to")
    if mail.tls == "none" and mail.host not in LOOPBACK:
        raise said["tls"].error("without TLS only on loopback; use starttls or tls")
    return mail
