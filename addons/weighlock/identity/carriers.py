"""Where a token rides. Each carrier answers None (nothing here), a Token, or raises (here, but broken)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from weighlock.errors import Unidentified
from weighlock.identity.sessions import is_handle
from weighlock.identity.statickeys import UNKNOWN, StaticKeyPresented, vendor
from weighlock.model import Headers, Token

PLACEHOLDER = "weighlock"
"""What a pipeline gives to an SDK that insists on an API key; ignored."""

CREDENTIALS = frozenset(
    "authorization proxy-authorization x-api-key api-key x-goog-api-key x-weighlock-token cookie".split()
)
"""Header fields that can carry a credential. None of them ever goes on."""

Known = Callable[[str], bool]
"""Whether a text is an opaque token of an issuer that is believed; nothing in itself tells it from a static key."""

_JWT = re.compile(r"[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*")


def proxy(headers: Headers, tunnel: str | None, known: Known) -> Token | None:
    """Proxy-Authorization of the CONNECT, and of the request: Basic with the token as password, or Bearer."""
    values = [*([tunnel] if tunnel else []), *_all(headers, "proxy-authorization")]
    return _only(_credentials(values, "proxy-authorization", known), "proxy-authorization", known)


def bearer(headers: Headers, tunnel: str | None, known: Known) -> Token | None:
    return _only(_credentials(_all(headers, "authorization"), "authorization", known), "authorization", known)


def _api_key(name: str) -> Callable[[Headers, str | None, Known], Token | None]:
    def carrier(headers: Headers, tunnel: str | None, known: Known) -> Token | None:
        return _only({value.strip() for value in _all(headers, name)}, name, known)

    return carrier


CARRIERS = (
    proxy,
    bearer,
    *(_api_key(name) for name in ("x-api-key", "api-key", "x-goog-api-key", "x-weighlock-token")),
)


def find(headers: Headers, tunnel: str | None, known: Known) -> Token:
    """The one token that this request carries; *tunnel* is the Proxy-Authorization of its CONNECT.

    Raises StaticKeyPresented for a key in any carrier, even beside a good token; Unidentified for none, or for two
    tokens that are not the same.
    """
    found = [token for carrier in CARRIERS if (token := carrier(headers, tunnel, known))]
    if len({token.value for token in found}) > 1:
        raise Unidentified("carriers-disagree", "Two carriers present two different tokens.")
    if not found:
        raise Unidentified(
            "token-missing",
            "No identity came with this request.",
            next_step="Set HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY with the pipeline's OIDC token.",
        )
    return found[0]


def presented(carrier: str, value: str, known: Known) -> Token:
    """*value* as the token that it is; StaticKeyPresented for what is none."""
    if not _is_token(value, known):
        raise StaticKeyPresented(value)
    return Token(carrier, value)


def _credentials(values: list[str], carrier: str, known: Known) -> set[str]:
    return {credential for value in values for credential in _credential(value.strip(), carrier, known)}


def _credential(value: str, carrier: str, known: Known) -> tuple[str, ...]:
    scheme, _, rest = value.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return (rest,)
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode("utf-8").partition(":")
        except ValueError:
            raise Unidentified("carrier-malformed", f"The {carrier} field is not what it says it is.") from None
        # A user name may be anything, but is no place to hide a key.
        return (password, user) if _is_token(user, known) or vendor(user) != UNKNOWN else (password,)
    if not rest:
        return (scheme,)
    raise Unidentified("carrier-malformed", f"The {carrier} field has an unknown scheme.")


def _only(values: set[str], carrier: str, known: Known) -> Token | None:
    values = values - {"", PLACEHOLDER}
    tokens = [presented(carrier, value, known) for value in sorted(values)]
    if len(tokens) > 1:
        raise Unidentified("carriers-disagree", "One carrier presents two different tokens.")
    return tokens[0] if tokens else None


def _is_token(value: str, known: Known) -> bool:
    return bool(_JWT.fullmatch(value)) or is_handle(value) or known(value)


def _all(headers: Headers, name: str) -> list[str]:
    return [value for field, value in headers if field.lower() == name]
