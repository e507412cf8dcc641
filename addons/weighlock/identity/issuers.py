"""rules/identity/issuers.yaml: whose tokens are believed, and on which terms."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import re2

from weighlock.errors import Unidentified
from weighlock.identity import login as logins
from weighlock.identity.login import SECRET, Login
from weighlock.identity.presets import DISCOVER, PRESETS, URL, Place, Preset
from weighlock.identity.statickeys import told
from weighlock.rulefile import Node

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

_PLAIN = Preset((Place({"url": URL}, "{url}", jwks=""),))
_JWT = re.compile(r"[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*")
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/-]{16,4096}={0,2}")
"""RFC 6750, section 2.1. Anything shorter could be guessed."""
_PLACES = {
    "url": "an issuer's URL",
    "host": "a host, in lower case and without https://, that this platform has",
    "enterprise": "an enterprise's slug",
    "organization": "an organization's UUID",
}
_OPTIONAL = (
    "preset jwks introspection ca approver_audience login algorithms types max_lifetime groups_claim required".split()
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the issuer says what an opaque token is (RFC 7662), and as whom the gateway asks there.

    *secret* is where the client's secret comes from: `env:NAME` or `file:/PATH`. *shape* is an RE2 pattern that each
    opaque token of this issuer fully matches, and none of another's.
    """

    url: str
    client: str
    secret: str
    shape: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """*url* is compared as it stands. Times are seconds. A claim's name as in `claims`."""

    url: str
    jwks: str
    """`file:PATH` (relative to the rules folder), a URL (https, or http on loopback), or `discover`; empty for none."""
    audience: str
    """The one audience that a workload's token must have."""
    approver_audience: str = ""
    """The one that an approver's token must have; empty where this issuer's tokens approve nothing."""
    algorithms: tuple[str, ...] = ("RS256",)
    types: tuple[str, ...] = ("jwt",)
    """Lower-case `typ`, without `application/`; an empty one stands for a token without `typ`."""
    max_lifetime: float = 3600.0
    leeway: float = 30.0
    groups_claim: str = "groups"
    required: tuple[str, ...] = ()
    """Claims that must be there, as text that is not empty."""
    ca: str = ""
    """PEM file of the authorities for all that is fetched from the issuer; empty for the system's."""
    introspection: Endpoint | None = None
    login: Login | None = None
    """None where people cannot log in here."""
    ids: tuple[str, ...] = ()
    """A workload of this issuer names one of these claims; empty for any."""
    person: tuple[str, ...] = ()
    """The claims that are the account of whoever is behind a run."""
    untrusted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By claim, the values of runs that somebody from outside can start; see `claims.untrusted`."""
    derived: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Claims that stand inside others; see `claims.completed`."""


def parse(node: Node) -> Mapping[str, Issuer]:
    """By URL."""
    issuers: dict[str, Issuer] = {}
    shapes: set[str] = set()
    for item in node.mapping(required=["issuers"])["issuers"].sequence():
        issuer = _issuer(item)
        if issuer.url in issuers:
            raise item.error("this issuer is listed twice")
        if issuer.introspection and issuer.introspection.shape in shapes:
            raise item.error("another issuer's opaque tokens have the same shape: whose one is could not be told")
        if issuer.introspection:
            shapes.add(issuer.introspection.shape)
        issuers[issuer.url] = issuer
    return issuers


def opaque(issuers: Mapping[str, Issuer], token: str) -> Issuer | None:
    """Whose opaque token this is, by its shape; None where it looks like nobody's, like a JWT, or like a static key.

    Raises Unidentified where it looks like that of two issuers: it would have to be shown to the wrong one.
    """
    if not _OPAQUE.fullmatch(token) or _JWT.fullmatch(token) or told(token):
        return None
    found = [i for i in issuers.values() if i.introspection and _shape(i.introspection.shape).fullmatch(token)]
    if len(found) > 1:
        raise Unidentified("issuer-ambiguous", "The token has the shape of two issuers' tokens.")
    return found[0] if found else None


def secure(url: str) -> bool:
    """Whether *url* may be asked for something that is believed: https, or http on loopback."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
    )


def _issuer(item: Node) -> Issuer:
    members = item.mapping(required=["audience"], optional=[*_PLACES, *_OPTIONAL])
    named = "preset" in members
    preset = PRESETS[members["preset"].choice(PRESETS)] if named else _PLAIN
    url, jwks = _place(item, members, preset)
    introspection = _endpoint(members["introspection"]) if "introspection" in members else None
    jwks = members["jwks"].text() if "jwks" in members else jwks
    if not jwks and introspection is None:
        raise item.error("'jwks' is missing")
    if jwks and not _fetchable(jwks, url):
        raise members.get("jwks", item).error("keys come from file:PATH, discover, or https (http on loopback only)")
    longest = preset.longest if named else float("inf")
    issuer = Issuer(
        url=url,
        jwks=jwks,
        audience=members["audience"].text(),
        approver_audience=_text(members, "approver_audience", ""),
        algorithms=_listed(members, "algorithms", preset.algorithms, named, lambda node: node.choice(ALGORITHMS)),
        types=_listed(members, "types", preset.types, named, _type),
        max_lifetime=members["max_lifetime"].read(_duration, "a duration such as 15m")
        if "max_lifetime" in members
        else preset.max_lifetime,
        groups_claim=_text(members, "groups_claim", "groups"),
        required=tuple(
            dict.fromkeys(preset.required + (members["required"].strings() if "required" in members else ()))
        ),
        ca=members["ca"].text(r"/.+", "the path of a PEM file") if "ca" in members else "",
        introspection=introspection,
        login=logins.parse(members["login"]) if "login" in members else None,
        ids=preset.ids,
        person=preset.person,
        untrusted=preset.untrusted,
        derived=preset.derived,
    )
    if issuer.max_lifetime > longest:
        raise members["max_lifetime"].error(f"tokens of this preset live for {longest / 60:.0f} minutes at most")
    if issuer.approver_audience and issuer.ids:
        raise members["approver_audience"].error("jobs choose their own audience here, and would approve themselves")
    if issuer.login and issuer.ids:
        raise members["login"].error("this platform's tokens are those of jobs: nobody can log in with them")
    if issuer.login and issuer.audience in issuer.login.clients:
        raise members["login"].error("an ID token would be a token for calls, too: use another audience for those")
    if issuer.approver_audience == issuer.audience:
        raise item.error("a token for calls must not approve them: use another approver_audience")
    return issuer


def _place(item: Node, members: Mapping[str, Node], preset: Preset) -> tuple[str, str]:
    """URL and JWKS. The first place of *preset* that has exactly the members given, and whose patterns they match."""
    given = {name: members[name] for name in _PLACES if name in members}
    possible = [place for place in preset.places if place.members.keys() == given.keys()]
    if not possible:
        ways = (" and ".join(repr(name) for name in place.members) or "nothing" for place in preset.places)
        raise item.error(f"where it is must be said by {' or '.join(dict.fromkeys(ways))}")
    for place in possible:
        if all(re.fullmatch(place.members[name], node.text()) for name, node in given.items()):
            url = place.url.format_map({name: node.text() for name, node in given.items()})
            return url, place.jwks.format(url=url.rstrip("/"))
    for name, node in given.items():
        node.text(possible[-1].members[name], _PLACES[name])
    raise item.error("there is no such issuer")


def _fetchable(jwks: str, url: str) -> bool:
    if jwks.startswith("file:"):
        return len(jwks) > len("file:")
    return secure(url if jwks == DISCOVER else jwks)


def _endpoint(node: Node) -> Endpoint:
    members = node.mapping(required=["url", "client", "secret", "shape"])
    url, shape = members["url"].text(), members["shape"].text()
    if not secure(url):
        raise members["url"].error("tokens are shown to an https URL only (http on loopback)")
    try:
        _shape(shape)
    except re2.error:
        raise members["shape"].error("not an RE2 pattern") from None
    secret = members["secret"].text(SECRET, "env:NAME or file:/PATH")
    return Endpoint(url, members["client"].text(), secret, shape)


@functools.cache
def _shape(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _listed(
    members: Mapping[str, Node], name: str, usual: tuple[str, ...], bound: bool, read: Callable[[Node], str]
) -> tuple[str, ...]:
    """What is *usual*, or what the issuer says: no more than that where it is *bound*."""
    if name not in members:
        return usual
    given = tuple(read(item) for item in members[name].sequence())
    if not given:
        raise members[name].error("name at least one, or no token would be believed")
    more = [item for item in given if item not in usual]
    if bound and more:
        raise members[name].error(f"tokens of this preset never have {more[0]!r}, but {' or '.join(map(repr, usual))}")
    return given


def _type(node: Node) -> str:
    return node.text(r"[a-z0-9+.-]*", 'a lower-case `typ`, or "" for none')


def _text(members: Mapping[str, Node], name: str, usual: str) -> str:
    return members[name].text() if name in members else usual


def _duration(text: str) -> float:
    match = re.fullmatch(r"([1-9][0-9]{0,4})(s|m|h)", text)
    if not match:
        raise ValueError(text)
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
