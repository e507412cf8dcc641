"""Sessions, with a real control.db."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders import a_principal
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.sessions import SessionStore
from weighlock.errors import ConfigError, Refused
from weighlock.identity.sessions import digest


@dataclass
class Clock:
    now: float = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SessionStore]:
    with contextlib.closing(SessionStore.open(tmp_path)) as store:
        yield store


async def refusal(sessions: Sessions, **given: object) -> str:
    with pytest.raises(Refused) as caught:
        await sessions.open(a_principal(**given), 60)
    return caught.value.code


def kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_a_handle_stands_for_the_claims_until_it_expires(store: SessionStore) -> None:
    clock = Clock()
    sessions = Sessions(store, clock)
    handle, session = await sessions.open(a_principal(claims={"sub": "s", "n": 5}), 60)

    assert sessions.find(handle) == session
    assert (session.claims, session.workload) == ({"sub": "s", "n": 5}, "nightly")
    clock.now += 60
    with pytest.raises(Refused, match="session-expired"):
        sessions.find(handle)


async def test_sessions_are_kept_over_a_restart_by_digest_only(store: SessionStore, tmp_path: Path) -> None:
    clock = Clock()
    handle, session = await Sessions(store, clock).open(a_principal(claims={"sub": "s"}), 60)

    assert Sessions(store, clock).find(handle) == session
    assert digest(handle).encode() in kept(tmp_path)
    assert handle.encode() not in kept(tmp_path)
    clock.now += 61
    with pytest.raises(Refused, match="session-unknown"):
        Sessions(store, clock).find(handle)


async def test_a_token_opens_one_session_whoever_is_faster(store: SessionStore) -> None:
    sessions = Sessions(store, Clock())
    principal = a_principal(claims={"jti": "once"})

    done = await asyncio.gather(*(sessions.open(principal, 60) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(one, tuple) for one in done) == 1
    assert {one.code for one in done if isinstance(one, Refused)} == {"token-exchanged"}
    # ... and a restart changes nothing about it.
    assert await refusal(Sessions(store, Clock()), claims={"jti": "once"}) == "token-exchanged"


async def test_a_token_is_remembered_for_longer_than_it_lives(store: SessionStore) -> None:
    clock = Clock()
    sessions = Sessions(store, clock)
    token = {"claims": {"jti": "once"}, "expires_at": clock.now + 300}
    await sessions.open(a_principal(**token), 60)
    clock.now += 300 + 600

    assert await refusal(sessions, **token) == "token-exchanged"


async def test_a_session_is_not_exchanged_for_another(store: SessionStore) -> None:
    assert await refusal(Sessions(store, Clock()), session="5e55") == "session-not-renewable"


async def test_what_cannot_be_kept_is_not_opened(store: SessionStore, tmp_path: Path) -> None:
    sessions = Sessions(store, Clock())
    with contextlib.closing(sqlite3.connect(tmp_path / "control.db")) as other:
        other.execute("DROP TABLE sessions")
        other.commit()

    assert await refusal(sessions, claims={"jti": "1"}) == "sessions-unwritable"


def test_tables_of_another_shape_stop_the_start(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "control.db")) as other:
        other.execute("CREATE TABLE sessions (a)")
    with pytest.raises(ConfigError, match=r"control\.db"):
        SessionStore.open(tmp_path)
