"""rules/identity/issuers.yaml: whose tokens are believed, and on which terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from weighlock.rulefile import Node

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_URL = r"https?://[^\s?#]{1,250}"


@dataclass(frozen=True, slots=True)
class Issuer:
    """*url* is compared as it stands. Times are seconds."""

    url: str
    jwks: str
    """`file:PATH` (relative to the rules folder), or a URL: https, or http on loopback."""
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


def parse(node: Node) -> Mapping[str, Issuer]:
    """By URL."""
    issuers: dict[str, Issuer] = {}
    for item in node.mapping(required=["issuers"])["issuers"].sequence():
        members = item.mapping(
            required=["url", "jwks", "audience"],
            optional=["approver_audience", "algorithms", "types", "max_lifetime", "groups_claim", "required"],
        )
        given: dict[str, object] = {
            "url": members["url"].text(_URL, "an issuer's URL"),
            "jwks": _source(members["jwks"]),
            "audience": members["audience"].text(),
        }
        for name in ("approver_audience", "groups_claim"):
            if name in members:
                given[name] = members[name].text()
        if "algorithms" in members:
            given["algorithms"] = tuple(item.choice(ALGORITHMS) for item in members["algorithms"].sequence())
            if not given["algorithms"]:
                raise members["algorithms"].error("name at least one algorithm, or no token would be believed")
        if "types" in members:
            given["types"] = members["types"].strings(r"[a-z0-9+.-]*", 'a lower-case `typ`, or "" for none')
        if "required" in members:
            given["required"] = members["required"].strings()
        if "max_lifetime" in members:
            given["max_lifetime"] = members["max_lifetime"].read(_duration, "a duration such as 15m")
        issuer = Issuer(**given)  # type: ignore[arg-type]
        if issuer.approver_audience == issuer.audience:
            raise item.error("a token for calls must not approve them: use another approver_audience")
        if issuer.url in issuers:
            raise item.error("this issuer is listed twice")
        issuers[issuer.url] = issuer
    return issuers


def _source(node: Node) -> str:
    text = node.text()
    if text.startswith("file:") and len(text) > len("file:"):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and loopback):
        return text
    raise node.error("keys come from file:PATH or an https URL (http on loopback only)")


def _duration(text: str) -> float:
    match = re.fullmatch(r"([1-9][0-9]{0,4})(s|m|h)", text)
    if not match:
        raise ValueError(text)
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
