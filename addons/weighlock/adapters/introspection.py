"""Opaque tokens: their issuer is asked what each is (RFC 7662), and its answer is believed for half a minute."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from weighlock.adapters import fetch
from weighlock.adapters.credentials import sources
from weighlock.adapters.fetch import Unreachable
from weighlock.errors import Unavailable
from weighlock.identity import introspection
from weighlock.identity.issuers import Issuer
from weighlock.policy.credentials import Unusable

log = logging.getLogger("weighlock")

TTL = 30.0
"""Seconds for which an issuer's word is believed; never beyond the token's own `exp`."""
INACTIVE_TTL = 5.0
"""The same, where it says that the token is not active."""
MAX_ANSWERS = 1024
MAX_ASKING = 64
"""Tokens that are asked about at once; over it, refused: a flood of made-up ones must not become one of requests."""

_Key = tuple[str, object, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    document: Mapping[str, Any] = field(repr=False)
    until: float


class Introspection:
    """*clock* is Unix time, *monotonic* is not; *ask* answers what the issuer says of a token."""

    def __init__(
        self,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        ask: Callable[[Issuer, str], Awaitable[Any]] | None = None,
    ) -> None:
        self._clock, self._monotonic, self._ask = clock, monotonic, ask or ask_issuer
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[_Answer | None]] = {}

    async def claims(self, issuer: Issuer, token: str, audience: str) -> Mapping[str, Any]:
        """The claims of an opaque token of *issuer*, which is the one that `issuers.opaque` answered.

        Raises Unidentified for a token that is not good, Unavailable where its issuer does not say.
        """
        key = (issuer.url, issuer.introspection, introspection.token_id(token))
        answer = self._answers.get(key)
        if answer is None or self._monotonic() >= answer.until:
            answer = await self._asked(key, issuer, token)
        return introspection.verify(answer.document, issuer, audience, self._clock())

    async def _asked(self, key: _Key, issuer: Issuer, token: str) -> _Answer:
        """Who asks about the same token meanwhile waits for the one answer."""
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= MAX_ASKING:
                raise _unavailable()
            task = self._asking[key] = asyncio.create_task(self._fetch(issuer, token))
            task.add_done_callback(lambda _: self._asking.pop(key))
        answer = await asyncio.shield(task)
        if answer is None:
            raise _unavailable()
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        return answer

    async def _fetch(self, issuer: Issuer, token: str) -> _Answer | None:
        asked_at = self._monotonic()
        try:
            document = await self._ask(issuer, token)
            if not isinstance(document, dict) or not isinstance(document.get("active"), bool):
                raise Unreachable("not an answer to introspection")
        except Exception as error:  # nobody may be there to hear it
            why = error if isinstance(error, Unreachable) else type(error).__name__
            log.warning("issuer %s does not say what a token is: %s", issuer.url, why)
            return None
        if document["active"] is False:
            return _Answer({"active": False}, asked_at + INACTIVE_TTL)
        try:
            left = float(document["exp"]) - self._clock()
        except (KeyError, TypeError, ValueError):
            left = 0.0  # it will be refused, for that
        return _Answer(document, asked_at + min(TTL, left))


async def ask_issuer(issuer: Issuer, token: str) -> Any:
    """What the issuer's endpoint says. Raises Unreachable."""
    endpoint = issuer.introspection
    if endpoint is None:
        raise Unreachable("no endpoint")
    try:
        secret = await sources.secret(endpoint.secret)
    except Unusable as error:
        raise Unreachable(f"the gateway's own secret: {error}") from None
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    credentials = base64.b64encode(f"{quote_plus(endpoint.client)}:{quote_plus(secret)}".encode()).decode()
    return await fetch.json(
        endpoint.url,
        ca=issuer.ca,
        body=urlencode({"token": token, "token_type_hint": "access_token"}).encode(),
        headers={
            "authorization": f"Basic {credentials}",
            "content-type": "application/x-www-form-urlencoded",
        },
    )


def _unavailable() -> Unavailable:
    return Unavailable("issuer-unreachable", "The token's issuer does not say what it is.")
