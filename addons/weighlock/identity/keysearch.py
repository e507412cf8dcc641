"""Where static keys ride: every field of a request's head, whatever its name."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from weighlock.errors import Unidentified
from weighlock.identity import carriers
from weighlock.identity.carriers import CREDENTIALS, PLACEHOLDER, Known
from weighlock.identity.sessions import is_handle
from weighlock.identity.statickeys import Found, StaticKeyPresented, decoded, describe, told, withheld
from weighlock.model import Headers

MOST = 20
"""Keys of one request that are told apart."""

_CARRIERS = CREDENTIALS - {"cookie"}
_SAYS_KEY = frozenset(
    """
    key apikey accesskey secretkey authkey subscriptionkey token accesstoken authtoken refreshtoken apitoken secret
    clientsecret password passwd passphrase auth authorization authentication credential credentials bearer pat sig
    """.split()
)
_SAYS_OTHERWISE = frozenset(
    """
    idempotency cache surrogate partition routing sort public websocket socket dedup page next continuation sync cursor
    csrf xsrf security
    """.split()
)
"""Before the last word, they make it none: `idempotency-key`, `pageToken`. What is told by its shape still counts."""
_SCHEMES = frozenset({"bearer", "basic", "token", "apikey", "api-key", "key"})
_SECRET = frozenset({"signature", "security token"})
"""Of a single request or hour, so no static key; but nothing to keep."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TOKEN = re.compile(r"e[wy][A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""A JSON object begins with `{`, and that is all that is asked of it here."""


@lru_cache(maxsize=1024)
def says_key(name: str) -> bool:
    """Whether a field of that *name* holds a secret: `x-portkey-api-key`, `key`, `clientSecret`, `helicone-auth`."""
    words = _words(name)
    return words[-1] in _SAYS_KEY and words[-2] not in _SAYS_OTHERWISE


@lru_cache(maxsize=1024)
def _hides(name: str) -> bool:
    """Whether the record hides what a field of that *name* holds."""
    words = _words(name)
    return says_key(name) or words[-1] in _SECRET or " ".join(words[-2:]) in _SECRET


def _words(name: str) -> list[str]:
    return ["", "", *(word.lower() for word in _WORDS.findall(name))]


def search(target: str, headers: Headers, tunnel: str | None, known: Known) -> tuple[Found, ...]:
    """The static keys in a request's head; *tunnel* is the Proxy-Authorization of its CONNECT.

    A carrier holds a key when it holds anything but a token. Elsewhere a key is what is told by its shape, and
    whatever stands under a name that says so and is no token.
    """
    fields = [*_fields(target, headers, tunnel)]
    shaped = bool(told("\n".join(f"{name} {value} {_basic(value)}" for _, name, value in fields)))  # seldom
    return first(Found(place, key) for place, name, value in fields for key in _keys(place, name, value, shaped, known))


def first(found: Iterable[Found]) -> tuple[Found, ...]:
    """Each key once, where it was found first, and no more than MOST."""
    by_value: dict[str, Found] = {}
    for one in found:
        by_value.setdefault(one.value, one)
    return tuple(by_value.values())[:MOST]


def under(name: str, value: str) -> list[str]:
    """The keys in a field called *name*."""
    return told(f"{name} {value} {_basic(value)}") or _named(name, value, lambda _: False)


def is_token(value: str) -> bool:
    """A JWT or a handle of ours: short-lived, and for its carrier to judge."""
    return bool(_TOKEN.fullmatch(value)) or is_handle(value)


def pairs(query: str) -> Iterator[tuple[str, str]]:
    """Names and values, percent-decoded; `+` stays, for keys have it. What has no `=` is a value without a name."""
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        yield (decoded(name), decoded(value)) if equals else ("", decoded(name))


def redacted_target(target: str, key: bytes) -> str:
    """*target* with every credential in it replaced by its fingerprint."""
    path, mark, query = target.partition("?")
    return withheld(path, key) + mark + redacted_query(query, key)


def redacted_query(query: str, key: bytes) -> str:
    """*query*, or a form, likewise."""
    return "&".join(_redacted_pair(part, key) for part in query.split("&"))


def redacted_header(name: str, value: str, key: bytes) -> tuple[str, str]:
    """A header field likewise. Of a credential's own field only the scheme is kept."""
    said = name if withheld(name, key) == name else "withheld"
    if name.lower() in CREDENTIALS or _hides(name) or told(_basic(value)):
        return said, describe(value, key)
    return said, withheld(value, key)


def _redacted_pair(part: str, key: bytes) -> str:
    name, equals, value = part.partition("=")
    said = withheld(name, key)
    if equals and _hides(decoded(name)):
        return f"{said}={describe(decoded(value), key)}"
    return said + equals + withheld(value, key)


def _fields(target: str, headers: Headers, tunnel: str | None) -> Iterator[tuple[str, str, str]]:
    """Place, name and value of everything in the head."""
    path, _, query = target.partition("?")
    yield "path", "", path
    yield from (("query", name, value) for name, value in pairs(query))
    for name, value in (*headers, *([("proxy-authorization", tunnel)] if tunnel else [])):
        field = name.lower()
        if field == "cookie":
            crumbs = (part.strip().partition("=") for part in value.split(";"))
            yield from (("cookie", crumb, held) for crumb, _, held in crumbs)
        else:
            yield field if field in _CARRIERS else "header", name, value


def _keys(place: str, name: str, value: str, shaped: bool, known: Known) -> list[str]:
    """*shaped*: whether anything in the head is told by its shape."""
    return (shaped and told(f"{name} {value} {_basic(value)}")) or (
        _no_token(name, value, known) if place in _CARRIERS else _named(name, value, known)
    )


def _named(name: str, value: str, known: Known) -> list[str]:
    if not says_key(name):
        return []
    secret = _without_scheme(value.strip())
    return [] if secret in ("", PLACEHOLDER) or is_token(secret) or _opaque(secret, known) else [secret]


def _opaque(value: str, known: Known) -> bool:
    try:
        return known(value)
    except Unidentified:
        return True  # of one issuer or another


def _no_token(name: str, value: str, known: Known) -> list[str]:
    try:
        carriers.find(((name, value),), None, known)
    except StaticKeyPresented as presented:
        return [presented.value]
    except Unidentified:
        pass  # no key: the carriers say what is wrong with it when their turn comes
    return []


def _basic(value: str) -> str:
    """User and password of Basic credentials (RFC 7617), as two words; empty for anything else."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode("latin-1").replace(":", " ")
    except ValueError:
        return ""


def _without_scheme(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return rest.strip() if rest and scheme.lower() in _SCHEMES else value
