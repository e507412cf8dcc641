"""The gateway's reading of tokens and keys, with a real OpenID provider that turns its keys, fails and comes back."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from demo.issuer import APPROVER_AUDIENCE, AUDIENCE
from jwts import key_pair, raw_token
from oidc import ALGORITHMS, OidcProvider, a_key, a_key_of_each_kind
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.introspection import Introspection
from weighlock.adapters.jwks import COOL_DOWN, STALE, TTL, Jwks, load_source
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.sessions import SCHEMA, SessionStore
from weighlock.errors import Refused
from weighlock.identity.cutoffs import Cutoffs
from weighlock.identity.issuers import Issuer
from weighlock.identity.people import Person
from weighlock.identity.workloads import Workload
from weighlock.model import Principal, Token

KINDS = a_key_of_each_kind()


@pytest.fixture(scope="module")
def shared() -> Iterator[OidcProvider]:
    with OidcProvider(KINDS) as provider:
        yield provider


@pytest.fixture
def own() -> Iterator[OidcProvider]:
    """For tests that stop it or turn its keys."""
    with OidcProvider([a_key("RS256", "first")]) as provider:
        yield provider


class Gate:
    """The identity part of a gateway that believes *provider*. Its keys are as old as *now* says."""

    def __init__(self, provider: OidcProvider, database: Database) -> None:
        self.provider, self.now, self.fetches = provider, 0.0, 0
        database.conn.executescript(SCHEMA)
        sessions = Sessions(SessionStore(database), time.time)
        self.jwks = Jwks(Path(), lambda: self.now, self._load)
        self.identifier = Identifier(self.jwks, Introspection(time.time, time.monotonic), sessions, time.time)

    async def _load(self, issuer: Issuer, rules: Path) -> Any:
        self.fetches += 1
        return await load_source(issuer, rules)

    @property
    def rules(self) -> IdentityRules:
        issuer = Issuer(
            self.provider.url,
            self.provider.jwks_url,
            AUDIENCE,
            APPROVER_AUDIENCE,
            algorithms=ALGORITHMS,
            types=("at+jwt",),
            required=("client_id", "jti"),
        )
        dana = Person("dana", ("dana@example.com",), ())
        return IdentityRules(
            {issuer.url: issuer}, (dana,), (Workload("nightly", dana, issuer.url, {"client_id": "nightly"}),)
        )

    async def identified(self, raw: str) -> Principal:
        return await self.identifier.identify(Token("authorization", raw), self.rules)

    async def said(self, raw: str) -> str:
        """The workload, or the code of a refusal."""
        try:
            return (await self.identified(raw)).workload
        except Refused as refused:
            return refused.code


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database(memory=True)
    yield database
    database.close()


@pytest.fixture
def gate(shared: OidcProvider, database: Database) -> Gate:
    return Gate(shared, database)


@pytest.fixture
def turning(own: OidcProvider, database: Database) -> Gate:
    return Gate(own, database)


# -- tokens as a provider makes them -----------------------------------------------------------------------------------


async def test_a_token_of_the_provider_becomes_a_principal(gate: Gate) -> None:
    principal = await gate.identified(gate.provider.token(groups=["ci"], actor_id=7))

    assert principal.subject == principal.workload == "nightly"
    assert principal.groups == {"ci"}
    assert principal.claims["actor_id"] == 7
    assert 290 < principal.expires_at - time.time() <= 300


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::4])
async def test_tokens_of_every_kind_are_believed_from_a_mixed_jwks(order: tuple[int, ...], database: Database) -> None:
    with OidcProvider([KINDS[index] for index in order]) as provider:
        gate = Gate(provider, database)

        assert [await gate.said(provider.token(alg)) for alg in ALGORITHMS] == ["nightly"] * 4
        assert gate.fetches == 1


async def test_what_else_the_provider_gives_out_is_no_identity(gate: Gate) -> None:
    provider = gate.provider

    assert await gate.said(provider.bound_token()) == "token-bound"
    assert await gate.said(provider.approver()) == "audience-wrong"
    assert await gate.said(provider.token("opaque")) == "token-malformed"


async def test_a_person_who_logged_in_on_another_device_is_an_approver(gate: Gate) -> None:
    verified = await gate.identifier.person(gate.provider.approver("alice"), gate.rules)
    approver = gate.identifier.still(verified, gate.rules, Cutoffs())

    assert (approver.subject, approver.email, approver.groups) == ("alice", "alice@example.com", {"security"})
    with pytest.raises(Refused, match="audience-wrong"):
        await gate.identifier.person(gate.provider.token(), gate.rules)


# -- keys that turn ----------------------------------------------------------------------------------------------------


async def test_a_rotation_with_overlap_refuses_nobody(turning: Gate) -> None:
    provider, (old,) = turning.provider, turning.provider.keys
    before = provider.token()
    assert await turning.said(before) == "nightly"

    turning.now += COOL_DOWN
    provider.restart([a_key("RS256", "second"), old])
    after = provider.token()
    assert [await turning.said(after), await turning.said(before)] == ["nightly"] * 2

    turning.now += TTL + 1
    provider.restart(provider.keys[:1])
    assert [await turning.said(after), await turning.said(before)] == ["nightly", "key-unknown"]


async def test_a_new_key_under_the_same_kid_is_believed_when_the_old_one_is_no_more(turning: Gate) -> None:
    provider = turning.provider
    before = provider.token()
    assert await turning.said(before) == "nightly"

    provider.restart([a_key("RS256", "first")])
    after = provider.token()
    turning.now = TTL
    assert [await turning.said(after), await turning.said(before)] == ["signature-invalid", "nightly"]

    turning.now = TTL + 1
    assert [await turning.said(after), await turning.said(before)] == ["nightly", "signature-invalid"]


async def test_a_provider_that_is_down_does_not_stop_the_jobs_for_a_day(turning: Gate) -> None:
    provider = turning.provider
    token = provider.token()
    assert await turning.said(token) == "nightly"
    provider.stop()

    for now in (TTL + 1, STALE):
        turning.now = now
        assert await turning.said(token) == "nightly"
    turning.now = STALE + 1
    assert await turning.said(token) == "issuer-unreachable"

    provider.start()
    turning.now += COOL_DOWN
    assert await turning.said(token) == "nightly"


async def test_two_thousand_unknown_kids_cost_one_fetch_a_cool_down(turning: Gate) -> None:
    provider, stranger = turning.provider, key_pair()
    good = provider.token()
    assert await turning.said(good) == "nightly"
    turning.now += COOL_DOWN

    claims = f'{{"iss": "{provider.url}", "aud": "{AUDIENCE}", "sub": "x"}}'.encode()
    forged = [
        raw_token(f'{{"alg": "RS256", "typ": "at+jwt", "kid": "{kid}"}}'.encode(), claims, stranger)
        for kid in range(2_000)
    ]
    assert {await turning.said(raw) for raw in forged} == {"key-unknown"}
    assert turning.fetches == 2
    assert await turning.said(good) == "nightly"

    turning.now += COOL_DOWN
    assert {await turning.said(raw) for raw in forged} == {"key-unknown"}
    assert turning.fetches == 3
