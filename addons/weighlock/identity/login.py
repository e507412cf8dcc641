"""As whom people log in at an issuer."""

from __future__ import annotations

from dataclasses import dataclass

from weighlock.rulefile import Node

SECRET = r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+"  # noqa: S105 where a secret is, and none
SCOPES = ("openid", "email")


@dataclass(frozen=True, slots=True)
class Login:
    """As which clients people log in: *client* in a browser, *cli_client* at a terminal (RFC 8628; empty for none).

    An ID token for one of them is an approver's. *secret* as in `Endpoint`; empty for a public client.
    """

    client: str
    cli_client: str
    secret: str = ""
    scopes: tuple[str, ...] = SCOPES

    @property
    def clients(self) -> frozenset[str]:
        return frozenset({self.client, self.cli_client}) - {""}


def parse(node: Node) -> Login:
    members = node.mapping(required=["client"], optional=["cli_client", "secret", "scopes"])
    client, secret = members["client"].text(), ""
    if "secret" in members:
        secret = members["secret"].text(SECRET, "env:NAME or file:/PATH")
    # A client with a secret is no client for a terminal: whoever sits there would have to know it.
    own = members["cli_client"].text() if "cli_client" in members else "" if secret else client
    scopes = members["scopes"].strings() if "scopes" in members else SCOPES
    if "openid" not in scopes:
        raise members["scopes"].error("without `openid` there is no ID token")
    return Login(client, own, secret, scopes)
