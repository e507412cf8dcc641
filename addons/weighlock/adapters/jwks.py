"""Issuers' keys: fetched without holding anybody up, cached, and never older than a day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jose.backends.base import Key

from weighlock.adapters import fetch
from weighlock.adapters.fetch import MAX_BYTES, TIMEOUT, Unreachable
from weighlock.errors import Unavailable, Unidentified
from weighlock.identity.issuers import Issuer, secure
from weighlock.identity.keys import usable_keys
from weighlock.identity.presets import DISCOVER, DISCOVER_SSF

log = logging.getLogger("weighlock")

TTL = 600.0
"""Seconds after which keys are believed no longer without being fetched again."""
EARLY = 480.0
"""Seconds after which they are fetched again, though nobody waits for it yet."""
COOL_DOWN = 30.0
"""Seconds between two fetches for keys that are not there."""
STALE = 86400.0
"""Seconds after which keys that could not be fetched again are worth nothing."""
FILE_TTL = 1.0
"""In place of the other three, for keys from a file: taking one out of it takes effect at once."""


@dataclass(slots=True)
class _Cached:
    keys: Mapping[tuple[str, str], Key] = field(default_factory=dict)
    good_at: float = float("-inf")
    tried_at: float = float("-inf")
    fetch: asyncio.Task[None] | None = None


class Jwks:
    """*rules* is where relative `file:` sources lie; *clock* is monotonic; *load* answers the JWKS of an issuer."""

    def __init__(
        self,
        rules: Path,
        clock: Callable[[], float],
        load: Callable[[Issuer, Path], Awaitable[Any]] | None = None,
    ) -> None:
        self._rules, self._clock, self._load = rules, clock, load or load_source
        self._cached: dict[tuple[str, str, str], _Cached] = {}

    async def key(self, issuer: Issuer, kid: str, alg: str) -> Key:
        """The one key, or Unidentified `key-unknown`; Unavailable where no keys of a good age can be had."""
        cached = self._cached.setdefault((issuer.url, issuer.jwks, issuer.ca), _Cached())
        ttl, early = (FILE_TTL, FILE_TTL) if _is_file(issuer.jwks) else (TTL, EARLY)
        age = self._clock() - cached.good_at
        if age > early or (kid, alg) not in cached.keys:
            self._refresh(issuer, cached)
        if cached.fetch and (age > ttl or (kid, alg) not in cached.keys):
            await asyncio.shield(cached.fetch)
        if self._clock() - cached.good_at > STALE:
            raise Unavailable("issuer-unreachable", "The token issuer's keys cannot be fetched.")
        key = cached.keys.get((kid, alg))
        if key is None:
            raise Unidentified("key-unknown", "The token is signed with a key that its issuer does not publish.")
        return key

    def _refresh(self, issuer: Issuer, cached: _Cached) -> None:
        """Begin to fetch: one at a time, and one a cool-down."""
        if cached.fetch is None and self._clock() - cached.tried_at >= (
            FILE_TTL if _is_file(issuer.jwks) else COOL_DOWN
        ):
            cached.tried_at = self._clock()
            cached.fetch = asyncio.create_task(self._fetch(issuer, cached))

    async def _fetch(self, issuer: Issuer, cached: _Cached) -> None:
        """Where there is no well-formed JWKS, the good keys stay. An empty one is well formed, and revokes them all."""
        try:
            async with asyncio.timeout(TIMEOUT):
                document = await self._load(issuer, self._rules)
                keys = await asyncio.to_thread(usable_keys, document)
        except Exception as error:  # nobody may be there to hear it; the keys' age tells
            why = error if isinstance(error, Unreachable) else type(error).__name__
            log.warning("keys of issuer %s cannot be had: %s", issuer.url, why)
        else:
            cached.keys, cached.good_at = keys, self._clock()
        finally:
            cached.fetch = None


async def load_source(issuer: Issuer, rules: Path) -> Any:
    """The JWKS of *issuer*. Raises Unreachable, or OSError for a file."""
    if _is_file(issuer.jwks):
        return fetch.parsed(await asyncio.to_thread(_read, rules / issuer.jwks.removeprefix("file:")))
    if not issuer.jwks:
        return {"keys": []}
    url = await _discovered(issuer) if issuer.jwks in (DISCOVER, DISCOVER_SSF) else issuer.jwks
    return await fetch.json(url, ca=issuer.ca)


async def _discovered(issuer: Issuer) -> str:
    """Where the issuer's own metadata says that its keys are.

    OpenID Connect Discovery 1.0, section 4; SSF 1.0, section 7.2, which has the issuer's path at the end.
    """
    place, parts = f"{issuer.url.removesuffix('/')}/.well-known/openid-configuration", urlsplit(issuer.url)
    if issuer.jwks == DISCOVER_SSF:
        place = f"{parts.scheme}://{parts.netloc}/.well-known/ssf-configuration{parts.path.removesuffix('/')}"
    metadata = await fetch.json(place, ca=issuer.ca)
    if not isinstance(metadata, dict) or metadata.get("issuer") != issuer.url:
        raise Unreachable("metadata of another issuer")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str) or not secure(url) or (url.startswith("http:") and not issuer.url.startswith("http:")):
        raise Unreachable("no https jwks_uri")
    return url


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _is_file(source: str) -> bool:
    return source.startswith("file:")
