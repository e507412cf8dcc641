"""Static keys: told by their shape, refused, and from then on named by fingerprint only."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import re2

from weighlock.errors import Unidentified
from weighlock.identity.keyshapes import SHAPES

UNKNOWN = "unknown"
_SCHEMES = ("basic", "bearer")
_DECODINGS = 3
"""Percent-encodings that are taken off, one inside the other."""
_IN = {"header": "a header field", "cookie": "a cookie", "query": "the query", "path": "the path"}
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def _compiled(patterns: list[str]) -> Any:
    """Any of *patterns*, as group 1. None of them inside a word, and so neither inside a token or base64."""
    options = re2.Options()
    options.longest_match = True
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(rf"(?:^|[^A-Za-z0-9_.+-])({'|'.join(patterns)})".encode(), options)


_TOKENS = [r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){2,4}", r"wls_[A-Za-z0-9_-]{43}"]
_ALONE = [shape.pattern for shape in SHAPES if shape.alone]
_KEYS = _compiled(_ALONE)
_CREDENTIALS = _compiled([rf"(?:{pattern})[A-Za-z0-9_.~+/=-]*" for pattern in (*_ALONE, *_TOKENS)])


@dataclass(frozen=True, slots=True)
class StaticKey:
    """*digest* is a keyed hash: equal keys have equal digests within one gateway, and nobody else can test a guess."""

    vendor: str
    digest: str
    last4: str

    def __str__(self) -> str:
        return f"{self.vendor} {self.digest}" + (f" ...{self.last4}" if self.last4 else "")


@dataclass(frozen=True, slots=True)
class Found:
    """A key and where it rides: the name of a carrier, or `header`, `cookie`, `query`, `path`, `body`."""

    place: str
    value: str = field(repr=False)


class StaticKeyPresented(Unidentified):
    """A key that belongs to nobody in particular. *value* is for fingerprinting, and for nothing else."""

    def __init__(self, value: str, place: str = "") -> None:
        self.found = Found(place, value)
        whose = vendor(value)
        super().__init__(
            "static-key",
            f"A static {'' if whose == UNKNOWN else whose + ' '}key is not an identity, and never passes here"
            + (f"; it came in {_IN.get(place, f'the {place} field')}." if place else "."),
            next_step="Take it out of the job, revoke it, and send the pipeline's OIDC token instead: "
            "HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY. Where an SDK insists on an API key, set it to `weighlock`.",
        )

    @property
    def value(self) -> str:
        return self.found.value


def vendor(value: str) -> str:
    """Whose key it looks like, standing where a key belongs; UNKNOWN where it looks like nobody's."""
    return next((shape.vendor for shape in SHAPES if re.fullmatch(shape.pattern, value)), UNKNOWN)


def told(text: str) -> list[str]:
    """The keys in *text* that are told by their shape alone, as they are spelled there or percent-encoded."""
    if not text:
        return []
    found = (_text(match.group(1)) for match in _KEYS.finditer(_bytes(decoded(text))))
    return list(dict.fromkeys(found))


def decoded(text: str) -> str:
    for _ in range(_DECODINGS):
        if "%" not in text:
            break
        text = unquote(text, encoding="latin-1")
    return text


def fingerprint(value: str, key: bytes) -> StaticKey:
    digest = hmac.new(key, b"static-key\0" + _bytes(value), hashlib.sha256).hexdigest()[:16]
    shown = len(value) >= 20 and value.isascii() and value.isprintable()
    return StaticKey(vendor(value), digest, value[-4:] if shown else "")


def describe(value: str, key: bytes) -> str:
    """What stands in the record in place of a credential's header value. Only the word of a known scheme is kept."""
    scheme, space, rest = value.partition(" ")
    prefix, secret = (f"{scheme} ", rest) if space and scheme.lower() in _SCHEMES else ("", value)
    return f"{prefix}[{fingerprint(next(iter(told(secret)), secret), key)}]"


def withheld(text: str, key: bytes) -> str:
    """*text* with every key and token in it replaced by its fingerprint; the same text where there is none.

    Of what was percent-encoded around it, only what no line can hold still is.
    """
    plain = decoded(text)
    if not _CREDENTIALS.search(_bytes(plain)):
        return text
    said = _replaced(plain, lambda value: f"[{fingerprint(value, key)}]")
    return said if plain == text else quote(said, safe=_PRINTABLE, errors="surrogateescape")


def _replaced(text: str, name: Callable[[str], str]) -> str:
    data, parts, at = _bytes(text), [], 0
    for match in _CREDENTIALS.finditer(data):
        start, end = match.span(1)
        value = data[start:end]
        key = _KEYS.match(value)  # what follows it up to the word's end goes too, but does not count
        parts += [data[at:start], _bytes(name(_text(key.group(1) if key else value)))]
        at = end
    return _text(b"".join([*parts, data[at:]]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
