"""People log in at their issuer in a browser: OpenID Connect's authorization code flow with PKCE (RFC 7636, RFC 9700).

A login that began here is finished here, once, by the same browser, within minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from weighlock.adapters import fetch
from weighlock.adapters.attempts import Attempt, Attempts
from weighlock.adapters.credentials import sources
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.identifier import Identifier, Verified
from weighlock.adapters.rulebook import IdentityRules
from weighlock.errors import Forbidden, Refused, Unavailable, Unidentified
from weighlock.identity.issuers import Issuer, secure
from weighlock.identity.login import Login
from weighlock.policy.credentials import Unusable

LEEWAY = 30.0
METADATA = 300.0
"""Seconds for which an issuer's metadata is good."""
_CODE = re.compile(r"[\x20-\x7e]{1,4096}")


class Logins:
    """*redirect* is the exact URI that the issuer sends browsers back to; *max_age* how long ago, in seconds, somebody
    may have proved who they are; *clock* is Unix time.
    """

    def __init__(
        self,
        identifier: Identifier,
        rules: Callable[[], IdentityRules],
        redirect: str,
        max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._identifier, self._rules, self._redirect = identifier, rules, redirect
        self._max_age, self._clock = max_age, clock
        self._attempts = Attempts(clock)
        self._known: dict[str, tuple[Issuer, Mapping[str, Any], float]] = {}

    def issuers(self) -> list[str]:
        """Where people can log in, in the order of the rules."""
        return [issuer.url for issuer in self._rules().issuers.values() if issuer.login]

    async def devices(self) -> list[dict[str, Any]]:
        """What a terminal needs to log somebody in by device code (RFC 8628), for each issuer that lets it."""
        return [
            await self._device(one, one.login)
            for one in self._rules().issuers.values()
            if one.login and one.login.cli_client
        ]

    async def begin(self, issuer_url: str, back: str) -> tuple[str, str]:
        """Where the browser goes, and what it alone keeps meanwhile. *back* is where it wants to be afterwards."""
        issuer, login = self._issuer(issuer_url)
        place = endpoint(await self._metadata(issuer), "authorization_endpoint")
        attempt, kept = self._attempts.begin(issuer.url, back)
        asked = {
            "response_type": "code",
            "client_id": login.client,
            "redirect_uri": self._redirect,
            "scope": " ".join(login.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(_sha256(attempt.verifier)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "max_age": str(int(self._max_age)),
        }
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", kept

    async def finish(self, said: Mapping[str, str], kept: str) -> tuple[Verified, str]:
        """Who logged in, and where they wanted to be. *said* is the query that the issuer sent the browser back with.

        Raises Refused. Whatever becomes of it, the attempt is used up.
        """
        attempt = self._attempts.finish(kept, said.get("state", ""))
        issuer, login = self._issuer(attempt.issuer)
        document = await self._metadata(issuer)
        # RFC 9207: an answer that says whose it is, is that issuer's; one that is to say so, does.
        if said.get("iss", None if _says_who(document) else issuer.url) != issuer.url:
            raise Forbidden("login-mixed-up", "The answer is not of the issuer that was asked.")
        if "error" in said:
            word = said["error"] if re.fullmatch(r"[a-z_]{1,40}", said["error"]) else "an error"
            raise Forbidden("login-refused", f"The issuer let nobody in: {word}.")
        if not _CODE.fullmatch(said.get("code", "")):
            raise Forbidden("login-refused", "The issuer sent no code.")
        raw = await self._exchanged(issuer, login, endpoint(document, "token_endpoint"), said["code"], attempt)
        verified = await self._identifier.person(raw, self._rules())
        self._check(verified, issuer, attempt)
        return verified, attempt.back

    def _check(self, verified: Verified, issuer: Issuer, attempt: Attempt) -> None:
        """OpenID Connect Core 1.0, section 3.1.3.7: what is not the same for every token."""
        claims, login = verified.claims, issuer.login
        if verified.issuer.url != issuer.url or login is None or claims["aud"] not in (login.client, [login.client]):
            raise Unidentified("login-token-other", "The ID token is not for this login.")
        if claims.get("azp", login.client) != login.client:
            raise Unidentified("login-token-other", "The ID token is not for this login.")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), attempt.nonce.encode()):
            raise Unidentified("login-nonce", "The ID token is not of this login.")
        at = claims.get("auth_time")
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise Unidentified("login-time-unknown", "The issuer does not say when you proved who you are.")
        if self._clock() - at > self._max_age + LEEWAY:
            raise Unidentified("approver-stale", "You proved who you are too long ago.", next_step="Log in again.")

    async def _exchanged(self, issuer: Issuer, login: Login, place: str, code: str, attempt: Attempt) -> str:
        """The ID token for *code*."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": attempt.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            if login.secret:
                words = (quote_plus(word) for word in (login.client, await sources.secret(login.secret)))
                headers["authorization"] = f"Basic {base64.b64encode(':'.join(words).encode()).decode()}"
            else:
                form["client_id"] = login.client
            said = await fetch.json(place, ca=issuer.ca, body=urlencode(form).encode(), headers=headers)
        except Unusable as error:
            raise Unavailable("login-secret", f"The gateway's own secret for logging in: {error}.") from None
        except Unreachable as error:
            raise _unreachable(error) from None
        token = said.get("id_token") if isinstance(said, dict) else None
        if type(token) is not str:
            raise Unidentified("login-token-missing", "The issuer sent no ID token.")
        return token

    async def _device(self, issuer: Issuer, login: Login) -> dict[str, Any]:
        document = await self._metadata(issuer)
        names = ("device_authorization_endpoint", "token_endpoint")
        return {
            "issuer": issuer.url,
            "client": login.cli_client,
            "scopes": list(login.scopes),
            "max_age": int(self._max_age),
        } | {name: endpoint(document, name) for name in names}

    async def _metadata(self, issuer: Issuer) -> Mapping[str, Any]:
        """Asked for now and then: anybody can begin logins, as many as they like."""
        known, now = self._known.get(issuer.url), self._clock()
        if known and known[0] == issuer and now < known[2]:
            return known[1]
        document = await metadata(issuer)
        self._known[issuer.url] = issuer, document, now + METADATA
        return document

    def _issuer(self, url: str) -> tuple[Issuer, Login]:
        issuer = self._rules().issuers.get(url)
        if issuer is None or issuer.login is None:
            raise Forbidden("issuer-no-login", "Nobody can log in at this issuer.")
        return issuer, issuer.login


async def metadata(issuer: Issuer) -> Mapping[str, Any]:
    """OpenID Connect Discovery 1.0, section 4. Raises Unavailable."""
    try:
        document = await fetch.json(f"{issuer.url.removesuffix('/')}/.well-known/openid-configuration", ca=issuer.ca)
    except Unreachable as error:
        raise _unreachable(error) from None
    if not isinstance(document, dict) or document.get("issuer") != issuer.url:
        raise _unreachable("metadata of another issuer")
    if issuer.url.startswith("https:"):  # an endpoint in the clear is for an issuer in the clear, on loopback
        return {name: value for name, value in document.items() if not str(value).startswith("http:")}
    return document


def endpoint(document: Mapping[str, Any], name: str) -> str:
    """Raises Unavailable where there is none that can be trusted."""
    url = document.get(name)
    if type(url) is not str or not secure(url) or "#" in url:
        raise _unreachable(f"no https {name}")
    return url


def _says_who(document: Mapping[str, Any]) -> bool:
    return document.get("authorization_response_iss_parameter_supported") is True


def _unreachable(why: object) -> Refused:
    return Unavailable("issuer-unreachable", f"The issuer cannot be asked: {why}.")


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
