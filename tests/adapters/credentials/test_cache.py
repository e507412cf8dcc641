from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import a_destination
from tokenhost import TokenHost
from weighlock.adapters.credentials import cache
from weighlock.adapters.credentials.cache import COOL_DOWN, Credentials
from weighlock.destination import Credential, Destination
from weighlock.errors import Unavailable
from weighlock.model import Headers

SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnYXRld2F5In0.c2lnbmF0dXJl"


class Broker:
    """A gateway's credentials, with a clock that stands until it is set, and one federated destination."""

    def __init__(self, host: TokenHost, folder: Path) -> None:
        self.host, self.now = host, 0.0
        self.refusals: list[Unavailable] = []
        self.subject = folder / "subject"
        self.subject.write_text(SUBJECT)
        self.destination = a_destination(
            credential=Credential("file", (str(self.subject),), 0, "openai", host.url, (("identity_provider_id", "i"),))
        )
        self.environ: dict[str, str] = {}
        self.credentials = Credentials(self.environ, lambda: self.now)

    async def token(self, destination: Destination | None = None) -> str:
        """The number of the token, or the code of the refusal."""
        try:
            header = await self.credentials.header(destination or self.destination)
        except Unavailable as refused:
            self.refusals.append(refused)
            return refused.code
        return header[0][1].removeprefix("Bearer ")

    async def settled(self) -> None:
        """Whatever is under way in the background is done."""
        while held := [held.fetch for held in self.credentials._held.values() if held.fetch]:
            await asyncio.wait(held)


@pytest.fixture
def host() -> Iterator[TokenHost]:
    with TokenHost() as host:
        yield host


@pytest.fixture
def broker(host: TokenHost, tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(host, tmp_path)
    yield broker
    for refused in broker.refusals:
        assert refused.retry
        for secret in (SUBJECT, "granted-token", "the-secret"):
            assert secret not in str(refused)


def counting(folder: Path, lifetime: float = 100.0) -> Destination:
    """A command that prints how often it ran, or fails while there is a file `fail`."""
    text = (
        "import pathlib, sys; folder = pathlib.Path(sys.argv[1]); runs = folder / 'runs'\n"
        "runs.open('a').write('x')\n"
        "print(f'printed-{runs.stat().st_size}-credential'); sys.exit((folder / 'fail').exists())"
    )
    return a_destination(credential=Credential("command", (sys.executable, "-I", "-c", text, str(folder)), lifetime))


@pytest.mark.parametrize(
    ("name", "header"),
    [("authorization", "Bearer the-secret"), ("x-api-key", "the-secret"), ("api-key", "the-secret")],
)
async def test_the_credential_stands_in_the_destinations_header(broker: Broker, name: str, header: str) -> None:
    broker.environ["KEY"] = "the-secret"
    destination = a_destination(credential=Credential("env", ("KEY",)), credential_header=name)

    assert await broker.credentials.header(destination) == ((name, header),)


async def test_a_destination_without_a_credential_gets_none(broker: Broker) -> None:
    assert await broker.credentials.header(a_destination()) == ()


async def test_anthropics_token_brings_along_what_makes_it_count(broker: Broker, host: TokenHost) -> None:
    credential = Credential("file", (str(broker.subject),), 0, "anthropic", host.url, (("organization_id", "o"),))

    assert await broker.credentials.header(a_destination(credential=credential)) == (
        ("authorization", f"Bearer {host.token(1)}"),
        ("anthropic-beta", "oauth-2025-04-20"),
    )


async def test_a_changed_variable_and_a_changed_file_count_at_once(broker: Broker, tmp_path: Path) -> None:
    key = tmp_path / "key"
    file, env = Credential("file", (str(key),)), Credential("env", ("KEY",))
    for secret in ("first-secret", "second-secret"):
        key.write_text(secret)
        broker.environ["KEY"] = secret
        for credential in (file, env):
            assert await broker.token(a_destination(credential=credential)) == secret
    key.unlink()
    del broker.environ["KEY"]
    for credential in (file, env):
        assert await broker.token(a_destination(credential=credential)) == "credential-missing"


async def test_a_token_is_got_once_and_kept(broker: Broker, host: TokenHost) -> None:
    assert [await broker.token() for _ in range(5)] == [host.token(1)] * 5
    assert [asked.body["subject_token"] for asked in host.asked] == [SUBJECT]


async def test_a_token_is_replaced_before_its_end_and_nobody_waits_for_it(broker: Broker, host: TokenHost) -> None:
    host.life = 1000
    assert await broker.token() == host.token(1)
    broker.now = 799
    assert await broker.token() == host.token(1)
    broker.now = 800
    host.gate.clear()
    assert [await broker.token() for _ in range(5)] == [host.token(1)] * 5
    host.gate.set()
    await broker.settled()

    assert await broker.token() == host.token(2)
    assert len(host.asked) == 2


async def test_a_new_subject_token_is_used_from_the_next_exchange_on(broker: Broker, host: TokenHost) -> None:
    await broker.token()
    broker.subject.write_text(SUBJECT + "2")
    broker.now = 4000
    await broker.token()

    assert [asked.body["subject_token"] for asked in host.asked] == [SUBJECT, SUBJECT + "2"]


async def test_fifty_who_come_at_once_wait_for_one_exchange(broker: Broker, host: TokenHost) -> None:
    host.gate.clear()
    asked = [asyncio.create_task(broker.token()) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asked)
    host.gate.set()

    assert await asyncio.wait_for(asyncio.gather(*asked), 10) == [host.token(1)] * 50
    assert len(host.asked) == 1


async def test_who_gives_up_waiting_does_not_end_the_exchange_for_others(broker: Broker, host: TokenHost) -> None:
    host.gate.clear()
    first, second = asyncio.create_task(broker.token()), asyncio.create_task(broker.token())
    for _ in range(20):
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    host.gate.set()

    assert await asyncio.wait_for(second, 10) == host.token(1)
    assert len(host.asked) == 1


async def test_a_good_token_outlives_a_failing_provider_until_its_end(
    broker: Broker, host: TokenHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.life = 1000
    assert await broker.token() == host.token(1)
    host.answer = 503, json.dumps({"error": SUBJECT}).encode()
    for broker.now in (800.0, 850.0, 900.0, 999.0):
        assert await broker.token() == host.token(1)
        await broker.settled()
    assert len(host.asked) == 5
    broker.now = 1000.0 + COOL_DOWN
    assert await broker.token() == "credential-expired"
    host.answer = None
    assert await broker.token() == "credential-expired"  # asked again only after a while
    broker.now += COOL_DOWN
    assert await broker.token() == host.token(7)

    said = [record.getMessage() for record in caplog.records if record.name == "weighlock"]
    assert said == ["no new credential for destination model: the token endpoint answered with status 503"]
    assert SUBJECT not in caplog.text


async def test_every_streak_of_failures_is_told_once(
    broker: Broker, host: TokenHost, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "weighlock")
    for answer in (None, (500, b""), (500, b""), None, (500, b"")):
        host.answer = answer
        broker.now += 10_000
        await broker.token()

    assert len(caplog.records) == 2


async def test_a_provider_that_fails_from_the_start_is_not_asked_by_every_request(
    broker: Broker, host: TokenHost
) -> None:
    host.answer = 400, b'{"error":"invalid_grant"}'
    assert [await broker.token() for _ in range(20)] == ["credential-missing"] * 20
    assert len(host.asked) == 1
    with pytest.raises(Unavailable, match=r"'model': the token endpoint answered with status 400 \(invalid_grant\)\."):
        await broker.credentials.header(broker.destination)
    broker.now = COOL_DOWN
    host.answer = None
    assert await broker.token() == host.token(2)


async def test_what_takes_too_long_is_missing_and_the_next_try_is_another(
    broker: Broker, host: TokenHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.gate.clear()
    with monkeypatch.context() as patched:
        patched.setattr(cache, "TIMEOUT", 0.05)
        assert await broker.token() == "credential-missing"
    host.gate.set()
    broker.now = COOL_DOWN

    assert await broker.token() == host.token(2)


async def test_an_odd_life_is_no_token(broker: Broker, host: TokenHost) -> None:
    for life in (0, -5, "3600", None, 10**9):
        host.life = life
        broker.now += COOL_DOWN
        assert await broker.token() == "credential-missing"


async def test_a_refused_token_is_dropped_and_only_that_one(broker: Broker, host: TokenHost) -> None:
    old = await broker.credentials.header(broker.destination)

    assert broker.credentials.refused(broker.destination, old)
    new = await broker.credentials.header(broker.destination)
    assert (old[0][1], new[0][1]) == (f"Bearer {host.token(1)}", f"Bearer {host.token(2)}")
    for _ in range(50):  # those that went out with the old one
        assert broker.credentials.refused(broker.destination, old)
    assert await broker.credentials.header(broker.destination) == new
    assert len(host.asked) == 2


async def test_a_refusal_soon_after_a_failure_that_is_over_gets_a_new_token(broker: Broker, host: TokenHost) -> None:
    host.answer = 503, b""
    assert await broker.token() == "credential-missing"
    host.answer, broker.now = None, COOL_DOWN
    header = await broker.credentials.header(broker.destination)
    broker.now -= 0.1  # within the cool-down of the failure

    assert broker.credentials.refused(broker.destination, header)
    assert await broker.token() == host.token(3)


async def test_what_is_read_for_each_request_is_not_replaced_by_asking_again(broker: Broker) -> None:
    header: Headers = (("authorization", "Bearer the-secret"),)
    for credential in (None, Credential("env", ("KEY",)), Credential("file", ("/key",))):
        assert not broker.credentials.refused(a_destination(credential=credential), header)


async def test_a_commands_output_is_kept_for_four_fifths_of_its_lifetime(broker: Broker, tmp_path: Path) -> None:
    destination = counting(tmp_path, lifetime=1000.0)
    assert [await broker.token(destination) for _ in range(3)] == ["printed-1-credential"] * 3
    broker.now = 800
    assert await broker.token(destination) == "printed-1-credential"
    await broker.settled()
    assert await broker.token(destination) == "printed-2-credential"


async def test_a_command_that_fails_leaves_the_old_credential_until_its_end(broker: Broker, tmp_path: Path) -> None:
    destination = counting(tmp_path, lifetime=1000.0)
    assert await broker.token(destination) == "printed-1-credential"
    (tmp_path / "fail").touch()
    broker.now = 900
    assert await broker.token(destination) == "printed-1-credential"
    await broker.settled()
    broker.now = 1000
    assert await broker.token(destination) == "credential-expired"


async def test_two_destinations_with_one_credential_share_it(broker: Broker, host: TokenHost) -> None:
    other = replace(broker.destination, name="other", host="other.example")

    assert await broker.token() == await broker.token(other)
    assert len(host.asked) == 1


async def test_a_credential_that_is_said_anew_is_got_anew(broker: Broker, host: TokenHost) -> None:
    assert await broker.token() == host.token(1)
    assert broker.destination.credential
    changed = replace(broker.destination.credential, ids=(("identity_provider_id", "other"),))

    assert await broker.token(replace(broker.destination, credential=changed)) == host.token(2)


async def test_no_secret_shows(broker: Broker, host: TokenHost) -> None:
    await broker.token()
    for held in broker.credentials._held.values():
        assert held.secret
        assert held.secret.value == host.token(1)
        assert host.token(1) not in repr(held)
    assert host.token(1) not in repr(broker.credentials)
    assert SUBJECT not in repr(broker.destination)
