"""What the console keeps to itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from tornado.testing import bind_unused_port

from held import a_desk, a_request, an_approver, listed, some_terms
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import Console
from weighlock.errors import Unidentified

ALICE = an_approver("alice", "security")


async def verify(raw: str) -> Approver:
    if raw == "defect":
        raise ZeroDivisionError("words of a defect")
    if raw != "alice-token":
        raise Unidentified("token-malformed", "This is not a token.")
    return ALICE


@pytest.fixture
async def console() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a console over which one request is held."""
    taken, port = bind_unused_port()
    taken.close()
    desk = a_desk()
    hold = desk.hold(a_request(prompt="Write to <EMAIL_ADDRESS>", terms=some_terms("security")), 45)
    held = asyncio.create_task(hold)
    (approval,) = await listed(desk)
    console = Console(("127.0.0.1", port), desk, verify)
    console.start()
    base = f"http://127.0.0.1:{port}/api/approvals/{approval.id}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        yield client
    await console.stop()
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    await desk.close()


def of_the_console(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """All that was logged or printed, but for what the client of the test says of itself."""
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(("http", "asyncio"))]
    return "\n".join([*logged, *capfd.readouterr()])


async def test_no_prompt_token_or_query_is_logged(
    console: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    alice = {"authorization": "Bearer alice-token"}
    one = str(console.base_url).rstrip("/")
    shown = await console.get(f"{one}?q=in-the-query", headers=alice)
    assert shown.json()["prompt"][0]["text"] == "Write to <EMAIL_ADDRESS>"
    assert (await console.get(one, headers={"authorization": "Bearer nobody-at-all"})).status_code == 401
    faulty = {"content-type": "application/json"} | alice
    assert (await console.post("/decision", content=b'{"approve": "half a decis', headers=faulty)).status_code == 400

    said = of_the_console(caplog, capfd)
    for secret in ("Write to", "alice-token", "nobody-at-all", "in-the-query", "half a decis"):
        assert secret not in said


async def test_a_defect_says_nothing_of_itself(
    console: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    response = await console.post("/decision", json={"approve": True}, headers={"authorization": "Bearer defect"})

    assert (response.status_code, response.json()["title"]) == (500, "console")
    assert response.headers["content-type"] == "application/problem+json"
    said = response.text + of_the_console(caplog, capfd)
    assert "words of a defect" not in said
    assert "Traceback" not in said
