"""Where a token rides. Each carrier answers None (nothing here), a Token, or raises (here, but broken)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from weighlock.errors import Unidentified
from weighlock.identity.statickeys import StaticKeyPresented
from weighlock.model import Headers, Token

PLACEHOLDER = "weighlock"
"""What a pipeline gives to an SDK that insists on an API key; ignored."""

CREDENTIALS = frozenset(
    "authorization proxy-authorization x-api-key api-key x-goog-api-key x-weighlock-token cookie".split()
)
"""Header fields that can carry a credential. None of them ever goes on."""

_JWT = re.compile(r"[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*")


def proxy(headers: Headers, tunnel: str | None) -> Token | None:
    """Proxy-Authorization of the CONNECT, and of the request: Basic with the token as password, or Bearer."""
    values = [*([tunnel] if tunnel else []), *_all(headers, "proxy-authorization")]
    found = {token for value in values if (token := _credential(value, "proxy-authorization"))}
    return _only(found, "proxy-authorization")


def bearer(headers: Headers, tunnel: str | None) -> Token | None:
    found = {token for value in _all(headers, "authorization") if (token := _credential(value, "authorization"))}
    return _only(found, "authorization")


def _api_key(name: str) -> Callable[[Headers, str | None], Token | None]:
    def carrier(headers: Headers, tunnel: str | None) -> Token | None:
        return _only({value.strip() for value in _all(headers, name)} - {"", PLACEHOLDER}, name)

    return carrier


CARRIERS = (
    proxy,
    bearer,
    *(_api_key(name) for name in ("x-api-key", "api-key", "x-goog-api-key", "x-weighlock-token")),
)


def find(headers: Headers, tunnel: str | None) -> Token:
    """The one token that this request carries; *tunnel* is the Proxy-Authorization of its CONNECT.

    Raises StaticKeyPresented for a key in any carrier, even beside a good token; Unidentified for none, or for two
    tokens that are not the same.
    """
    found = [token for carrier in CARRIERS if (token := carrier(headers, tunnel))]
    for token in found:
        if not _JWT.fullmatch(token.value):
            raise StaticKeyPresented(token.value)
    if len({token.value for token in found}) > 1:
        raise Unidentified("carriers-disagree", "Two carriers present two different tokens.")
    if not found:
        raise Unidentified(
            "token-missing",
            "No identity came with this request.",
            next_step="Set HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY with the pipeline's OIDC token.",
        )
    return found[0]


def _credential(value: str, carrier: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return "" if rest == PLACEHOLDER else rest
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(rest, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise Unidentified("carrier-malformed", f"The {carrier} field is not what it says it is.") from None
        return decoded.partition(":")[2] if decoded.partition(":")[2] != PLACEHOLDER else ""
    if not rest:
        return scheme
    raise Unidentified("carrier-malformed", f"The {carrier} field has an unknown scheme.")


def _only(values: set[str], carrier: str) -> Token | None:
    values = values - {""}
    if key := next((value for value in sorted(values) if not _JWT.fullmatch(value)), ""):
        raise StaticKeyPresented(key)
    if len(values) > 1:
        raise Unidentified("carriers-disagree", "One carrier presents two different tokens.")
    return Token(carrier, values.pop()) if values else None


def _all(headers: Headers, name: str) -> list[str]:
    return [value for field, value in headers if field.lower() == name]
