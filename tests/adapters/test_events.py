"""Events as they arrive: real keys, the real store, the real watch over cut-offs."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jwts import a_token, an_issuer, key_pair
from transmitting import PUSH_TOKEN, RECEIVER, RISC, SSF, a_set, email, jti
from weighlock.adapters.events import Receiver
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.stores.control import Control
from weighlock.adapters.stores.events import EventStore
from weighlock.errors import Unavailable
from weighlock.identity.events import EventRefused
from weighlock.identity.issuers import Issuer
from weighlock.identity.people import Person
from weighlock.identity.transmitters import TYPE, Transmitter

URL, OTHER = "https://idp.example", "https://other.example"
DANA = Person("dana", ("dana@example.com",))


def a_transmitter(url: str = URL, push: str = "env:SSF_PUSH") -> Transmitter:
    return Transmitter(an_issuer(url=url, jwks=f"{url}/jwks", audience=RECEIVER, types=(TYPE,)), push=push)


class Post:
    """A receiver, and what became of what it got."""

    def __init__(self, state: Path) -> None:
        self.recorded: list[tuple[str, str]] = []
        self.keys: Any = {"keys": [key_pair("RS256", "transmitter").jwk()]}
        self.rules = IdentityRules(
            issuers={},
            people=(DANA,),
            workloads=(),
            transmitters={
                URL: a_transmitter(),
                OTHER: a_transmitter(OTHER, "env:SSF_OTHER"),
                "https://quiet.example": a_transmitter("https://quiet.example", ""),
            },
        )
        self.store, self.control = EventStore.open(state), Control.open(state)
        self.receiver = Receiver(
            Jwks(state, time.monotonic, self._load),
            self.store,
            lambda: self.rules,
            time.time,
            lambda event, message: self.recorded.append((event, message)),
        )

    async def _load(self, issuer: Issuer, _: Path) -> Any:
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys

    async def err(self, raw: str, bearer: str = PUSH_TOKEN) -> str:
        try:
            await self.receiver.pushed(bearer, raw)
        except EventRefused as refused:
            return str(refused.err)
        return "taken"

    @property
    def cut(self) -> set[tuple[str, str]]:
        return {(cutoff.claim, cutoff.value) for cutoff in self.control.current()}

    def close(self) -> None:
        self.store.close()
        self.control.close()


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    monkeypatch.setenv("SSF_PUSH", PUSH_TOKEN + "\n")
    monkeypatch.setenv("SSF_OTHER", "token-of-another")
    post = Post(tmp_path)
    yield post
    post.close()


async def test_what_is_pushed_is_durable_when_it_is_taken(post: Post) -> None:
    assert await post.err(a_set(URL)) == "taken"

    assert post.cut == {("person", "dana"), ("email", "dana@example.com")}
    assert post.recorded == [("event-taken", f"{URL}: account-disabled; cut-offs: 2")]


async def test_what_comes_again_is_taken_without_a_second_effect(post: Post) -> None:
    raw = a_set(URL)
    assert await post.err(raw) == "taken"
    for cutoff in post.control.current():
        post.control.lift(cutoff.id, by="operator", now=0.0)

    assert await post.err(raw) == "taken"
    assert post.cut == set()
    assert post.recorded[1:] == [("event-repeated", f"{URL}: account-disabled")]


async def test_another_event_under_a_jti_that_was_used_is_refused_and_recorded(post: Post) -> None:
    assert await post.err(a_set(URL, jti="one", subject=email("eve@example.com"))) == "taken"
    assert await post.err(a_set(URL, jti="one")) == "invalid_request"

    assert post.cut == {("email", "eve@example.com")}
    assert post.recorded[1:] == [("event-refused", f"{URL}: event-jti-reused")]


async def test_one_event_from_many_at_once_has_one_effect(post: Post) -> None:
    raw = a_set(URL)
    assert await asyncio.gather(*[post.err(raw) for _ in range(20)]) == ["taken"] * 20

    assert sorted(event for event, _ in post.recorded) == ["event-repeated"] * 19 + ["event-taken"]
    assert len(post.control.list()) == 2


@pytest.mark.parametrize(
    ("raw", "bearer", "err", "code"),
    [
        (lambda: a_set(URL), "", "authentication_failed", "transmitter-unknown"),
        (lambda: a_set(URL), "another token", "authentication_failed", "transmitter-unknown"),
        (lambda: a_set(URL), PUSH_TOKEN + " ", "authentication_failed", "transmitter-unknown"),
        (lambda: a_set(URL), "\xff", "authentication_failed", "transmitter-unknown"),
        (lambda: "nonsense", "another token", "authentication_failed", "transmitter-unknown"),
        (lambda: a_set(OTHER), PUSH_TOKEN, "access_denied", "transmitter-other"),
        (lambda: a_set(URL), "token-of-another", "access_denied", "transmitter-other"),
        (lambda: a_set("https://quiet.example"), PUSH_TOKEN, "access_denied", "transmitter-other"),
        (lambda: a_set("https://nobody.example"), PUSH_TOKEN, "invalid_issuer", "event-issuer"),
        (lambda: "nonsense", PUSH_TOKEN, "invalid_request", "token-malformed"),
        (lambda: a_set(URL, pair=key_pair("RS256", "stranger")), PUSH_TOKEN, "invalid_key", "key-unknown"),
        (
            lambda: a_set(URL, pair=key_pair("RS256", "stranger"), header={"kid": "transmitter"}),
            PUSH_TOKEN,
            "invalid_key",
            "signature-invalid",
        ),
        (lambda: a_set(URL, aud="weighlock"), PUSH_TOKEN, "invalid_audience", "audience-wrong"),
        (lambda: a_set(URL, subject={"format": "uri"}), PUSH_TOKEN, "invalid_request", "event-subject"),
        (
            lambda: a_token(key_pair("RS256", "transmitter"), iss=URL, aud=RECEIVER),
            PUSH_TOKEN,
            "invalid_request",
            "type-refused",
        ),
    ],
)
async def test_what_is_not_right_is_refused_recorded_and_cuts_off_nobody(
    post: Post, raw: Any, bearer: str, err: str, code: str
) -> None:
    assert await post.err(raw(), bearer) == err

    assert post.cut == set()
    ((event, message),) = post.recorded
    assert (event, message.partition(": ")[2]) == ("event-refused", code)
    assert "dana" not in message


async def test_two_transmitters_may_have_one_token(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSF_OTHER", PUSH_TOKEN)

    assert await post.err(a_set(URL)) == "taken"
    assert await post.err(a_set(OTHER)) == "taken"


@pytest.mark.parametrize("source", ["env:SSF_EMPTY", "env:SSF_BLANK", "env:SSF_UNSET", "file:/nowhere/at/all"])
async def test_a_token_that_cannot_be_had_is_nobodys(post: Post, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setenv("SSF_EMPTY", "")
    monkeypatch.setenv("SSF_BLANK", " ")
    post.rules = replace(post.rules, transmitters={URL: a_transmitter(push=source)})

    assert [await post.err(a_set(URL), bearer) for bearer in ("", " ", PUSH_TOKEN)] == ["authentication_failed"] * 3


async def test_a_push_token_is_read_anew_each_time(post: Post, tmp_path: Path) -> None:
    post.rules = replace(post.rules, transmitters={URL: a_transmitter(push=f"file:{tmp_path}/token")})
    (tmp_path / "token").write_text("one\n")
    assert [await post.err(a_set(URL), bearer) for bearer in ("one", "two")] == ["taken", "authentication_failed"]
    (tmp_path / "token").write_text("two\n")
    assert [await post.err(a_set(URL), bearer) for bearer in ("one", "two")] == ["authentication_failed", "taken"]


async def test_without_its_keys_a_transmitter_has_to_come_again(post: Post) -> None:
    post.keys = OSError("down")
    with pytest.raises(Unavailable):
        await post.receiver.pushed(PUSH_TOKEN, a_set(URL))

    assert post.recorded == [("event-refused", f"{URL}: issuer-unreachable")]


async def test_who_gives_up_waiting_leaves_the_event_in_its_turn(post: Post, tmp_path: Path) -> None:
    assert await post.err(a_set(URL, SSF + "verification", {})) == "taken"  # the keys are at hand from now on
    other = sqlite3.connect(tmp_path / "control.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    given_up = asyncio.create_task(post.err(a_set(URL, subject=email("eve@example.com"))))
    for _ in range(20):
        await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    next_one = asyncio.create_task(post.err(a_set(URL)))
    other.execute("ROLLBACK")
    other.close()

    assert await next_one == "taken"
    assert {("email", "eve@example.com"), ("email", "dana@example.com")} <= post.cut


async def test_what_cannot_be_kept_has_to_come_again(post: Post) -> None:
    raw = a_set(URL)
    post.store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable):
        await post.receiver.pushed(PUSH_TOKEN, raw)
    assert post.recorded == [("event-refused", f"{URL}: events-unwritable")]
    assert post.cut == set()

    post.store._db.execute("PRAGMA query_only = OFF")
    assert await post.err(raw) == "taken"
    assert ("email", "dana@example.com") in post.cut


async def test_the_people_of_the_rules_in_force_are_meant(post: Post) -> None:
    post.rules = replace(post.rules, people=())
    assert await post.err(a_set(URL)) == "taken"

    assert post.cut == {("email", "dana@example.com")}


async def test_what_is_fetched_has_the_name_that_it_is_fetched_under(post: Post) -> None:
    raw, transmitter = a_set(URL), post.rules.transmitters[URL]
    with pytest.raises(EventRefused, match="event-jti"):
        await post.receiver.fetched("another", raw, transmitter)
    with pytest.raises(EventRefused, match="event-issuer"):
        await post.receiver.fetched(jti(raw), raw, post.rules.transmitters[OTHER])
    with pytest.raises(EventRefused, match="token-malformed"):
        await post.receiver.fetched("another", "nonsense", transmitter)
    assert post.cut == set()

    await post.receiver.fetched(jti(raw), raw, transmitter)
    assert ("person", "dana") in post.cut


async def test_a_verification_is_acknowledged_and_recorded(post: Post) -> None:
    verification = a_set(URL, SSF + "verification", {"format": "opaque", "id": "stream"}, event={"state": "c3RhdGU="})
    assert await post.err(verification) == "taken"

    assert post.recorded == [("event-taken", f"{URL}: verification; cut-offs: 0")]
    assert await post.err(a_set(URL, RISC + "account-enabled")) == "taken"
    assert post.recorded[1:] == [("event-taken", f"{URL}: an event of no effect; cut-offs: 0")]
