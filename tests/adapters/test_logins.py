"""Logging in by a browser: what must fit together, and what becomes of it where something does not."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlite_utils import Database

from demo.issuer import DemoIssuer
from weighlock.adapters import attempts as attempts_
from weighlock.adapters import logins
from weighlock.adapters.attempts import MINUTES, Attempts
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.identifier import Identifier, Verified
from weighlock.adapters.introspection import Introspection
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.logins import METADATA, Logins
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.sessions import SCHEMA, SessionStore
from weighlock.errors import Refused
from weighlock.identity.issuers import Issuer
from weighlock.identity.login import Login

REDIRECT = "https://console.example/login/callback"
AGE = 900.0


class Bureau:
    """An issuer whose answers a test can bend; *tokens* are claims that are other than they should be."""

    def __init__(self, issuer: DemoIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.issuer, self.now = issuer, time.time()
        self.claims: dict[str, Any] = {}
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Any = None
        self.documents = 0
        self.document: dict[str, Any] = {
            "issuer": issuer.url,
            "authorization_endpoint": f"{issuer.url}/auth?tenant=7",
            "token_endpoint": f"{issuer.url}/token",
            "authorization_response_iss_parameter_supported": True,
        }
        self.login = Login("console", "console", scopes=("openid", "email"))
        monkeypatch.setattr(logins.fetch, "json", self._json)
        database = Database(memory=True)
        database.conn.executescript(SCHEMA)

        async def load(*_: Any) -> Any:
            return issuer.jwks

        sessions = Sessions(SessionStore(database), time.time)
        jwks = Jwks(Path(), time.monotonic, load)
        identifier = Identifier(jwks, Introspection(time.time, time.monotonic), sessions, lambda: self.now)
        self.logins = Logins(identifier, self._rules, REDIRECT, AGE, lambda: self.now)
        self.close = database.close

    def _rules(self) -> IdentityRules:
        believed = Issuer(self.issuer.url, self.issuer.jwks_url, "weighlock", types=("at+jwt",), login=self.login)
        return IdentityRules({believed.url: believed}, (), ())

    async def _json(self, url: str, *, ca: str = "", body: bytes | None = None, headers: Any = None) -> Any:
        if body is None:
            self.documents += 1
            return self.document
        self.forms.append(parse_qs(body.decode()))
        self.headers.append(dict(headers))
        if self.answer is not None:
            return self.answer
        good = {"aud": "console", "nonce": self.asked["nonce"], "auth_time": int(self.now) - 5, "sub": "alice"}
        return {"id_token": self.issuer.mint(**good | self.claims), "access_token": "not looked at"}

    async def begin(self, back: str = "/") -> str:
        """What the browser keeps."""
        place, browser = await self.logins.begin(self.issuer.url, back)
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
        return browser

    async def finish(self, browser: str, **said: str | None) -> tuple[Verified, str]:
        given = {"state": self.asked["state"], "code": "the code", "iss": self.issuer.url} | said
        return await self.logins.finish({name: text for name, text in given.items() if text is not None}, browser)

    async def refusal(self, browser: str, **said: str | None) -> str:
        with pytest.raises(Refused) as refused:
            await self.finish(browser, **said)
        return refused.value.code


@pytest.fixture(scope="module")
def issuer() -> Iterator[DemoIssuer]:
    issuer = DemoIssuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def bureau(issuer: DemoIssuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bureau]:
    bureau = Bureau(issuer, monkeypatch)
    yield bureau
    bureau.close()


async def test_who_logs_in_is_sent_with_a_challenge_and_comes_back_with_its_answer(bureau: Bureau) -> None:
    verified, back = await bureau.finish(await bureau.begin("/approvals/ab12"))

    assert (verified.claims["sub"], back) == ("alice", "/approvals/ab12")
    asked, (form,) = bureau.asked, bureau.forms
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "console", "openid email")
    assert (asked["redirect_uri"], form["redirect_uri"]) == (REDIRECT, [REDIRECT])
    assert (asked["max_age"], asked["tenant"]) == ("900", "7")
    digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked["code_challenge_method"] == "S256"
    assert form["client_id"] == ["console"]
    assert form["code_verifier"][0] not in asked.values()


async def test_each_login_is_another(bureau: Bureau) -> None:
    first = (await bureau.begin(), *bureau.asked.values())
    second = (await bureau.begin(), *bureau.asked.values())

    assert len(set(first) & set(second)) == 7  # all that is not random


async def test_a_client_with_a_secret_says_it_in_the_header_alone(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_SECRET", "s:/cret")
    bureau.login = Login("console", "", "env:CONSOLE_SECRET")
    await bureau.finish(await bureau.begin())

    (headers,) = bureau.headers
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"console:s%3A%2Fcret"
    assert "client_id" not in bureau.forms[0]
    assert await bureau.logins.devices() == []
    monkeypatch.delenv("CONSOLE_SECRET")
    assert await bureau.refusal(await bureau.begin()) == "login-secret"


@pytest.mark.parametrize("state", ["", "made-up", None])
async def test_what_did_not_begin_here_is_not_finished_here(bureau: Bureau, state: str | None) -> None:
    assert await bureau.refusal(await bureau.begin(), state=state) == "login-unknown"
    assert bureau.forms == []


async def test_a_login_is_finished_once_whatever_became_of_it(bureau: Bureau) -> None:
    browser = await bureau.begin()
    assert await bureau.refusal(browser, error="access_denied") == "login-refused"
    assert await bureau.refusal(browser) == "login-over"

    browser = await bureau.begin()
    await bureau.finish(browser)
    assert await bureau.refusal(browser) == "login-over"


async def test_another_browser_does_not_finish_it(bureau: Bureau) -> None:
    first = await bureau.begin()
    assert await bureau.refusal("") == "login-unknown"

    await bureau.begin()
    assert await bureau.refusal(first) == "login-unknown"
    assert bureau.forms == []


async def test_it_does_not_take_for_ever(bureau: Bureau) -> None:
    browser = await bureau.begin()
    bureau.now += 60 * MINUTES
    assert await bureau.refusal(browser) == "login-over"


async def test_however_many_begin_none_is_crowded_out_and_the_issuer_is_asked_once(bureau: Bureau) -> None:
    browser = await bureau.begin()
    first = bureau.asked
    for _ in range(1000):
        await bureau.begin()
    bureau.asked = first

    await bureau.finish(browser)
    assert bureau.documents == 1
    bureau.now += METADATA
    await bureau.begin()
    assert bureau.documents == 2


def test_what_a_browser_keeps_can_be_neither_read_nor_changed() -> None:
    attempts = Attempts(lambda: 0.0)
    attempt, kept = attempts.begin("https://id.example", "/")
    sealed = base64.urlsafe_b64decode(kept + "==")
    assert not any(secret.encode() in sealed for secret in (attempt.state, attempt.nonce, attempt.verifier))
    flipped = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    others = [Attempts(lambda: 0.0).begin("https://id.example", "/")[1], kept[:-2], "", "=", "ä", "A" * 8]
    for other in [*(base64.urlsafe_b64encode(one).decode() for one in flipped), *others]:
        with pytest.raises(Refused, match="login-unknown"):
            attempts.finish(other, attempt.state)

    assert attempts.finish(kept, attempt.state) == attempt
    assert attempt.verifier not in repr(attempt)


def test_of_finished_logins_the_newest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_, "FINISHED", 2)
    attempts = Attempts(lambda: 0.0)
    begun = [attempts.begin("https://id.example", "/") for _ in range(3)]
    for attempt, kept in begun:
        attempts.finish(kept, attempt.state)

    for attempt, kept in begun[1:]:
        with pytest.raises(Refused, match="login-over"):
            attempts.finish(kept, attempt.state)


@pytest.mark.parametrize("iss", ["https://other.example", "", None])
async def test_an_answer_of_another_issuer_is_a_mix_up(bureau: Bureau, iss: str | None) -> None:
    assert await bureau.refusal(await bureau.begin(), iss=iss) == "login-mixed-up"


async def test_an_issuer_that_never_says_who_it_is_need_not(bureau: Bureau) -> None:
    del bureau.document["authorization_response_iss_parameter_supported"]
    await bureau.finish(await bureau.begin(), iss=None)
    assert await bureau.refusal(await bureau.begin(), iss="https://other.example") == "login-mixed-up"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"nonce": "another"}, "login-nonce"),
        ({"nonce": None}, "login-nonce"),
        ({"nonce": ["x"]}, "login-nonce"),
        ({"aud": "weighlock"}, "issuer-no-approvers"),
        ({"aud": "another-client"}, "issuer-no-approvers"),
        ({"aud": ["console", "another"]}, "issuer-no-approvers"),
        ({"azp": "another"}, "login-token-other"),
        ({"auth_time": None}, "login-time-unknown"),
        ({"auth_time": "1"}, "login-time-unknown"),
        ({"auth_time": True}, "login-time-unknown"),
        ({"auth_time": 1}, "approver-stale"),
        ({"exp": 1}, "token-expired"),
        ({"iss": "https://other.example"}, "issuer-unknown"),
        ({"cnf": {"jkt": "x"}}, "token-bound"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
async def test_an_id_token_that_is_not_of_this_login_lets_nobody_in(
    bureau: Bureau, claims: dict[str, Any], code: str
) -> None:
    bureau.claims = claims
    assert await bureau.refusal(await bureau.begin()) == code


async def test_a_token_of_the_cli_client_is_not_one_of_the_browsers(bureau: Bureau) -> None:
    bureau.login = Login("console", "terminal")
    bureau.claims = {"aud": "terminal"}
    assert await bureau.refusal(await bureau.begin()) == "login-token-other"


@pytest.mark.parametrize("answer", [[], {}, {"id_token": 7}, {"id_token": ["a.b.c"]}, "a.b.c"], ids=str)
async def test_without_an_id_token_nobody_is_let_in(bureau: Bureau, answer: Any) -> None:
    bureau.answer = answer
    assert await bureau.refusal(await bureau.begin()) == "login-token-missing"


async def test_an_error_is_told_as_a_word_and_never_as_what_was_sent(bureau: Bureau) -> None:
    browser = await bureau.begin()
    with pytest.raises(Refused) as refused:
        await bureau.finish(browser, error="<script>", error_description="secret")

    assert refused.value.reason == "The issuer let nobody in: an error."


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "http://id.example/auth"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
async def test_endpoints_come_from_the_issuer_itself_and_are_not_in_the_clear(
    bureau: Bureau, document: dict[str, Any]
) -> None:
    bureau.document |= document
    with pytest.raises(Refused, match="issuer-unreachable"):
        await bureau.begin()


async def test_where_it_does_not_answer_it_is_said_so(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any, **__: Any) -> Any:
        raise Unreachable("ConnectionRefusedError")

    browser = await bureau.begin()
    monkeypatch.setattr(logins.fetch, "json", nothing)
    assert await bureau.refusal(browser) == "issuer-unreachable"


async def test_nobody_logs_in_where_the_rules_say_nothing_of_it(bureau: Bureau) -> None:
    with pytest.raises(Refused, match="issuer-no-login"):
        await bureau.logins.begin("https://other.example", "/")
    assert bureau.logins.issuers() == [bureau.issuer.url]
