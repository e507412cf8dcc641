from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jwts import an_issuer, key_pair
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.jwks import COOL_DOWN, EARLY, STALE, TTL, Jwks
from weighlock.errors import Unavailable, Unidentified
from weighlock.identity.issuers import Issuer

ISSUER = an_issuer(jwks="https://issuer.example/keys")
ONE, TWO = key_pair("EdDSA", "one"), key_pair("EdDSA", "two")


class Provider:
    """An issuer's key server, a clock, and a cache of its keys."""

    def __init__(self, *kids: Any) -> None:
        self.now, self.loads = 0.0, list[str]()
        self.answer: Any = {"keys": [pair.jwk() for pair in kids]}
        self.gate: asyncio.Event | None = None
        self.cache = Jwks(Path("/rules"), lambda: self.now, self.load)

    async def load(self, issuer: Issuer, rules: Path) -> Any:
        assert rules == Path("/rules")
        self.loads.append(issuer.jwks)
        if self.gate:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def code(self, kid: str = "one", alg: str = "EdDSA") -> str:
        try:
            await self.cache.key(ISSUER, kid, alg)
        except (Unavailable, Unidentified) as refused:
            return refused.code
        return "found"


async def test_keys_are_fetched_once_and_kept() -> None:
    provider = Provider(ONE, TWO)

    assert [await provider.code("one"), await provider.code("two"), await provider.code("one")] == ["found"] * 3
    assert provider.loads == [ISSUER.jwks]
    key = await provider.cache.key(ISSUER, "one", "EdDSA")
    assert key.verify(b"data", ONE.sign(b"data"))


async def test_fifty_who_come_at_once_wait_for_one_fetch() -> None:
    provider = Provider(ONE)
    provider.gate = asyncio.Event()
    asked = [asyncio.create_task(provider.code()) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asked)
    provider.gate.set()

    assert await asyncio.wait_for(asyncio.gather(*asked), 10) == ["found"] * 50
    assert len(provider.loads) == 1


async def test_who_gives_up_waiting_does_not_end_the_fetch_for_others() -> None:
    provider = Provider(ONE)
    provider.gate = asyncio.Event()
    first, second = asyncio.create_task(provider.code()), asyncio.create_task(provider.code())
    for _ in range(20):
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    provider.gate.set()

    assert await asyncio.wait_for(second, 10) == "found"
    assert len(provider.loads) == 1


async def test_a_key_that_is_not_there_is_looked_for_once_a_cool_down() -> None:
    provider = Provider(ONE)
    assert await provider.code("other") == "key-unknown"
    assert [await provider.code("other") for _ in range(20)] == ["key-unknown"] * 20
    assert len(provider.loads) == 1
    provider.now = COOL_DOWN

    assert await provider.code("other") == "key-unknown"
    assert len(provider.loads) == 2
    assert await provider.code("one") == "found"


async def test_a_new_key_is_found_after_a_rotation_and_the_old_one_is_gone() -> None:
    provider = Provider(ONE)
    assert await provider.code("one") == "found"
    provider.answer = {"keys": [TWO.jwk()]}
    provider.now = COOL_DOWN

    assert await provider.code("two") == "found"
    assert await provider.code("one") == "key-unknown"


async def test_keys_are_fetched_again_when_they_are_old() -> None:
    provider = Provider(ONE)
    for now in (0.0, TTL, TTL + 1):
        provider.now = now
        assert await provider.code() == "found"

    assert len(provider.loads) == 2


async def test_keys_that_get_old_are_fetched_before_anybody_has_to_wait_for_them() -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.gate, provider.now = asyncio.Event(), EARLY + 1

    assert [await provider.code() for _ in range(3)] == ["found"] * 3
    provider.now = TTL + 1
    late = asyncio.create_task(provider.code())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not late.done()  # older than is believed: now one waits
    assert len(provider.loads) == 2
    provider.gate.set()
    assert await asyncio.wait_for(late, 10) == "found"


async def test_who_looks_for_a_key_that_is_there_waits_for_no_other() -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.gate, provider.now = asyncio.Event(), COOL_DOWN
    other = asyncio.create_task(provider.code("other"))
    for _ in range(20):
        await asyncio.sleep(0)

    assert len(provider.loads) == 2
    assert not other.done()
    assert await provider.code() == "found"
    provider.gate.set()
    assert await asyncio.wait_for(other, 10) == "key-unknown"


async def test_two_thousand_unknown_keys_cost_one_fetch() -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.now = COOL_DOWN

    assert set(await asyncio.gather(*(provider.code(f"k{n}") for n in range(2000)))) == {"key-unknown"}
    assert len(provider.loads) == 2


async def test_another_key_under_the_same_name_takes_the_place_of_the_old_one_when_its_time_is_over() -> None:
    provider = Provider(ONE)
    replaced = key_pair("EdDSA", "three")
    assert await provider.code() == "found"
    provider.answer = {"keys": [replaced.jwk(kid="one")]}
    assert (await provider.cache.key(ISSUER, "one", "EdDSA")).verify(b"data", ONE.sign(b"data"))

    provider.now = TTL + 1
    key = await provider.cache.key(ISSUER, "one", "EdDSA")
    assert key.verify(b"data", replaced.sign(b"data"))
    assert not key.verify(b"data", ONE.sign(b"data"))


EMPTY: dict[str, Any] = {
    "no key": {"keys": []},
    "no usable key": {"keys": [key_pair().jwk(use="enc")]},
    "a key of a wrong shape": {"keys": [TWO.jwk(key_ops=5)]},
}


@pytest.mark.parametrize("name", EMPTY)
async def test_a_set_without_keys_revokes_them_all(name: str) -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.answer, provider.now = EMPTY[name], TTL + 1
    assert await provider.code() == "key-unknown"

    provider.answer, provider.now = {"keys": [ONE.jwk()]}, TTL + 1 + COOL_DOWN
    assert await provider.code() == "found"


async def test_an_issuer_without_keys_is_believed_in_no_signature(tmp_path: Path) -> None:
    keys = Jwks(tmp_path, lambda: 0.0)
    with pytest.raises(Unidentified, match="key-unknown"):
        await keys.key(an_issuer(jwks=""), "one", "EdDSA")


FAILURES: dict[str, Any] = {
    "no network": OSError("down"),
    "a time-out": TimeoutError(),
    "no answer": Unreachable("HTTP 500"),
    "nested too deeply": RecursionError(),
    "no JWKS": {"error": "down"},
    "null": None,
    "keys that are no list": {"keys": {}},
    "too many keys": {"keys": [{}] * 65},
    "two keys for one kid": {"keys": [ONE.jwk(), key_pair("EdDSA", "three").jwk(kid="one")]},
}


@pytest.mark.parametrize("name", FAILURES)
async def test_good_keys_outlive_a_failing_provider_for_a_day(name: str) -> None:
    provider = Provider(ONE)
    assert await provider.code() == "found"
    provider.answer = FAILURES[name]

    provider.now = TTL + 1
    assert await provider.code() == "found"
    provider.now = STALE
    assert await provider.code() == "found"
    provider.now = STALE + 1
    assert await provider.code() == "issuer-unreachable"
    assert len(provider.loads) >= 3


@pytest.mark.parametrize("name", FAILURES)
async def test_a_provider_that_never_answered_makes_the_gateway_unavailable_until_it_does(name: str) -> None:
    provider = Provider()
    provider.answer = FAILURES[name]
    assert [await provider.code(), await provider.code()] == ["issuer-unreachable"] * 2
    assert len(provider.loads) == 1

    provider.answer, provider.now = {"keys": [ONE.jwk()]}, COOL_DOWN
    assert await provider.code() == "found"


async def test_a_key_serves_its_own_algorithm_and_issuer_only() -> None:
    provider = Provider(ONE)

    assert await provider.code("one", "RS256") == "key-unknown"
    provider.answer = {"keys": [TWO.jwk()]}
    for other in ({"url": "https://other.example"}, {"ca": "/other.pem"}):
        with pytest.raises(Unidentified):
            await provider.cache.key(an_issuer(**{"jwks": ISSUER.jwks} | other), "one", "EdDSA")
    assert await provider.code() == "found"
