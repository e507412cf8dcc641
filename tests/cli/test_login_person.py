"""`weighlock login` of a person, at a real OpenID provider by device code, and what the commands do with it."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from browsing import Place
from oidc import OidcProvider
from weighlock.cli import device, main


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture
async def place(provider: OidcProvider) -> AsyncIterator[Place]:
    place = Place()
    await place.open(provider)
    yield place
    await place.close()


class Person:
    """Whom the terminal sends to the provider; there they prove who they are as soon as they are waited for."""

    def __init__(self, name: str, provider: OidcProvider, place: Place, state: Path) -> None:
        self.name, self.provider, self.place, self.state = name, provider, place, state
        self.waits = 0

    @property
    def token(self) -> Path:
        return self.state / "approver.token"

    async def run(self, *arguments: str) -> Result:
        env = {"WEIGHLOCK_STATE": str(self.state), "WEIGHLOCK_CONSOLE": f"127.0.0.1:{self.place.port}"}
        unset = dict.fromkeys(("WEIGHLOCK_TOKEN", "WEIGHLOCK_GATEWAY"))
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=env | unset)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = device.id_token

        def id_token(terms: Any, tell: Any) -> str:
            told: list[str] = []

            def sleep(_: float) -> None:
                self.waits += 1
                if self.waits == 2:  # once it is too early
                    self.provider.approve_device(self.name, re.findall(r"http\S+", told[0])[0])

            return real(terms, lambda text: (told.append(text), tell(text)), sleep)

        monkeypatch.setattr(device, "id_token", id_token)


@pytest.fixture
def alice(provider: OidcProvider, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    person = Person("alice", provider, place, tmp_path / "state")
    person.watch(monkeypatch)
    return person


async def test_a_person_logs_in_and_decides_and_logs_out(alice: Person, place: Place) -> None:
    id = await place.hold()
    assert "you are not logged in" in (await alice.run("approvals", "list")).output

    said = await alice.run("login")
    assert said.exit_code == 0, said.output
    assert alice.waits == 2
    assert stat.S_IMODE(alice.token.stat().st_mode) == 0o600
    assert alice.token.read_text() not in said.output

    (listed,) = json.loads((await alice.run("approvals", "list", "--json")).output)
    assert listed["id"] == id
    approved = await alice.run("approvals", "approve", id, "--reason", "ticket 4711")
    assert approved.output == f"{id} approved by alice@example.com\n"
    assert (await asyncio.wait_for(place.held[0], 10)).decisions[0].who == "alice@example.com"

    assert (await alice.run("logout")).output == "logged out\n"
    assert not alice.token.exists()
    seen = [(one.event, one.message, one.subject) for one in place.visitors]
    assert seen == [(event, '"alice@example.com" at a terminal', "alice") for event in ("login", "logout")]
    assert (await alice.run("logout")).output == "nobody was logged in\n"


async def test_a_token_that_others_may_read_is_not_used(alice: Person) -> None:
    await alice.run("login")
    alice.token.chmod(0o644)
    said = await alice.run("approvals", "list")

    assert said.exit_code == 78
    assert "others may read it" in said.output


async def test_a_login_that_the_gateway_does_not_take_is_not_kept(alice: Person, place: Place) -> None:
    place.ahead = 3600.0
    said = await alice.run("login")

    assert said.exit_code == 1
    assert not alice.token.exists()
    assert [(one.event, one.subject, one.code) for one in place.visitors] == [("login-refused", "", "token-expired")]


async def test_a_token_is_forgotten_where_the_gateway_cannot_be_told(alice: Person, place: Place) -> None:
    await alice.run("login")
    await place.console.stop()
    said = await alice.run("logout")

    assert (said.exit_code, said.output.splitlines()[0]) == (0, "logged out")
    assert "the gateway has not recorded it" in said.output
    assert not alice.token.exists()


async def test_where_no_terminal_can_log_in_it_says_so(alice: Person, place: Place) -> None:
    place.rules.issuers.clear()  # type: ignore[attr-defined]
    said = await alice.run("login")

    assert said.exit_code == 1
    assert "nobody can log in at a terminal" in said.output


@pytest.mark.parametrize("answer", [{}, {"error": "access_denied"}, {"error": "expired_token"}, {"error": 7}])
def test_whoever_is_not_let_in_hears_why(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://id.example/device", "expires_in": 60}
    answers = iter(
        [(200, begun), (400, {"error": "authorization_pending"}), (400, {"error": "slow_down"}), (400, answer)]
    )
    monkeypatch.setattr(device, "_post", lambda *_: next(answers))
    waits: list[float] = []
    terms = {"client": "c", "scopes": ["openid"], "max_age": 900}
    terms |= {"device_authorization_endpoint": "https://id.example/a", "token_endpoint": "https://id.example/t"}
    with pytest.raises(SystemExit):
        device.id_token(terms, lambda _: None, waits.append)

    assert waits == [5, 5, 10]
