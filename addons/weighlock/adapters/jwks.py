"""Issuers' keys: fetched off the event loop, cached, and never older than a day."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jose.backends.base import Key

from weighlock.errors import Unavailable, Unidentified
from weighlock.identity.issuers import Issuer
from weighlock.identity.keys import usable_keys

log = logging.getLogger("weighlock")

TTL = 600.0
COOL_DOWN = 30.0
"""Seconds between two fetches for keys that are not there."""
STALE = 86400.0
"""Seconds after which keys that could not be fetched again are worth nothing."""
FILE_TTL = 1.0
"""For keys from a file: taking one out of it takes effect at once."""
TIMEOUT = 3.0
"""Seconds for the whole of a fetch, and for each wait within it."""
MAX_BYTES = 256 << 10


@dataclass(slots=True)
class _Cached:
    keys: Mapping[tuple[str, str], Key] = field(default_factory=dict)
    good_at: float = float("-inf")
    tried_at: float = float("-inf")
    fetch: asyncio.Task[None] | None = None


class Jwks:
    """*rules* is where relative `file:` sources lie; *clock* is monotonic."""

    def __init__(self, rules: Path, clock: Callable[[], float], load: Callable[[str, Path], Any] | None = None) -> None:
        self._rules, self._clock, self._load = rules, clock, load or load_source
        self._cached: dict[tuple[str, str], _Cached] = {}

    async def key(self, issuer: Issuer, kid: str, alg: str) -> Key:
        """The one key, or Unidentified `key-unknown`; Unavailable where no keys of a good age can be had."""
        cached = self._cached.setdefault((issuer.url, issuer.jwks), _Cached())
        if (
            self._clock() - cached.good_at > (FILE_TTL if _is_file(issuer.jwks) else TTL)
            or (kid, alg) not in cached.keys
        ):
            await self._refreshed(issuer, cached)
        if self._clock() - cached.good_at > STALE:
            raise Unavailable("issuer-unreachable", "The token issuer's keys cannot be fetched.")
        key = cached.keys.get((kid, alg))
        if key is None:
            raise Unidentified("key-unknown", "The token is signed with a key that its issuer does not publish.")
        return key

    async def _refreshed(self, issuer: Issuer, cached: _Cached) -> None:
        """One fetch at a time, and one a cool-down; whoever comes meanwhile waits for it. Good keys stay on failure."""
        if cached.fetch is None:
            if self._clock() - cached.tried_at < (FILE_TTL if _is_file(issuer.jwks) else COOL_DOWN):
                return
            cached.tried_at = self._clock()
            cached.fetch = asyncio.create_task(self._fetch(issuer, cached))
        await asyncio.shield(cached.fetch)

    async def _fetch(self, issuer: Issuer, cached: _Cached) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                document = await asyncio.to_thread(self._load, issuer.jwks, self._rules)
            keys = usable_keys(document)
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            log.warning("keys of issuer %s cannot be had: %s", issuer.url, type(error).__name__)
            return
        finally:
            cached.fetch = None
        if keys:
            cached.keys, cached.good_at = keys, self._clock()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


# No proxies: identity must not depend on the gateway itself.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def load_source(source: str, rules: Path) -> Any:
    """The JWKS at `file:PATH` or a URL. OSError, HTTPException or ValueError where it cannot be had."""
    if _is_file(source):
        data = (rules / source.removeprefix("file:")).read_bytes()
    else:
        data, deadline = b"", time.monotonic() + TIMEOUT
        with _OPENER.open(source, timeout=TIMEOUT) as response:
            while len(data) <= MAX_BYTES and (part := response.read1(MAX_BYTES)):
                data += part
                if time.monotonic() > deadline:
                    raise TimeoutError
    if len(data) > MAX_BYTES:
        raise ValueError("too large")
    return json.loads(data)


def _is_file(source: str) -> bool:
    return source.startswith("file:")
