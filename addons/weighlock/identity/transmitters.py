"""rules/identity/transmitters.yaml: who is believed when they say that somebody's account or session has ended.

A transmitter of shared signals can cut off anybody: whoever stands here is trusted as far as the operator is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighlock.identity.issuers import ALGORITHMS, Issuer, secure
from weighlock.identity.login import SECRET
from weighlock.identity.presets import DISCOVER, DISCOVER_SSF, URL
from weighlock.rulefile import Node

TYPE = "secevent+jwt"


@dataclass(frozen=True, slots=True)
class Poll:
    """Where its events are fetched (RFC 8936). *token* is where the bearer token for that comes from."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Transmitter:
    """*signer* is whose keys sign its events: an issuer of one audience, and of one type that no token has.

    *push* is where the bearer token comes from with which it delivers (RFC 8935), empty where it does not: `env:NAME`
    or `file:/PATH`, as that of *poll*.
    """

    signer: Issuer
    push: str = ""
    poll: Poll | None = None

    @property
    def url(self) -> str:
        """The issuer of its events."""
        return self.signer.url


def parse(node: Node, issuers: Mapping[str, Issuer]) -> Mapping[str, Transmitter]:
    """By issuer. Raises ConfigError, also for an audience that tokens of one of *issuers* have."""
    taken = {audience for issuer in issuers.values() for audience in (issuer.audience, issuer.approver_audience)}
    listed: dict[str, Transmitter] = {}
    for item in node.mapping(required=["transmitters"])["transmitters"].sequence():
        members = item.mapping(required=["issuer", "jwks", "audience"], optional=["algorithms", "push", "poll", "ca"])
        url, audience = members["issuer"].text(URL, "an issuer's URL"), members["audience"].text()
        if audience in taken:
            raise members["audience"].error("this is the audience of tokens; events need another")
        if url in listed:
            raise item.error("this transmitter is listed twice")
        if "push" not in members and "poll" not in members:
            raise item.error("it can neither `push` nor be asked by `poll`, and would never be heard")
        listed[url] = Transmitter(
            signer=Issuer(
                url=url,
                jwks=_jwks(members["jwks"], url),
                audience=audience,
                algorithms=_algorithms(members.get("algorithms")),
                types=(TYPE,),
                ca=members["ca"].text(r"/.+", "the path of a PEM file") if "ca" in members else "",
            ),
            push=_secret(members["push"]) if "push" in members else "",
            poll=_poll(members["poll"]) if "poll" in members else None,
        )
    return listed


def _algorithms(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ("RS256",)  # of the CAEP interoperability profile
    listed = tuple(item.choice(ALGORITHMS) for item in node.sequence())
    if not listed:
        raise node.error("name at least one algorithm, or no event would be believed")
    return listed


def _secret(node: Node) -> str:
    return node.mapping(required=["token"])["token"].text(SECRET, "env:NAME or file:/PATH")


def _poll(node: Node) -> Poll:
    members = node.mapping(required=["url", "token"])
    url = members["url"].text()
    if not secure(url):
        raise members["url"].error("events come from an https URL (http on loopback only)")
    return Poll(url, members["token"].text(SECRET, "env:NAME or file:/PATH"))


def _jwks(node: Node, url: str) -> str:
    text = node.text()
    if text == DISCOVER and secure(url):
        return DISCOVER_SSF
    if text != DISCOVER and ((text.startswith("file:") and len(text) > len("file:")) or secure(text)):
        return text
    raise node.error("keys come from file:PATH, discover, or https (http on loopback only)")
