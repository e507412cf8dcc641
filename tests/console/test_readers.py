"""Who may read what is held, and what a decision may say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tornado.testing import bind_unused_port

from held import a_desk, a_request, an_approver, listed, some_terms
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import Console
from weighlock.errors import ConfigError

PEOPLE = {"alice": an_approver("alice", "security"), "bob": an_approver("bob", "staff")}


async def verify(raw: str) -> Approver:
    return PEOPLE[raw]


def a_console(host: str = "127.0.0.1", port: int = 8081) -> Console:
    return Console((host, port), a_desk(), verify)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    taken, port = bind_unused_port()
    taken.close()
    desk = a_desk()
    held = asyncio.create_task(desk.hold(a_request(prompt="hello", terms=some_terms("security")), 45))
    await listed(desk)
    console = Console(("127.0.0.1", port), desk, verify)
    console.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api", trust_env=False) as client:
        yield client
    await console.stop()
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    await desk.close()


async def got(http: httpx.AsyncClient, who: str, path: str = "", **given: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {who}", "content-type": "application/json"}
    return await http.request("POST" if given else "GET", f"/approvals{path}", headers=headers, **given)


async def test_who_may_not_decide_sees_neither_the_list_nor_the_prompt(http: httpx.AsyncClient) -> None:
    (listed,) = (await got(http, "alice")).json()

    assert (await got(http, "bob")).json() == []
    refused = await got(http, "bob", f"/{listed['id']}")
    assert (refused.status_code, refused.json()["title"]) == (403, "approver-group")
    assert "hello" not in refused.text
    assert "hello" in (await got(http, "alice", f"/{listed['id']}")).text


@pytest.mark.parametrize(
    "body",
    [
        b'{"approve": false, "approve": true}',
        b'{"approve": true, "reasons": "x"}',
        b'{"approve": true, "break_glass": 1}',
        b'{"reason": "approve"}',
        b'{"reason": "\\"approve\\""}',
        b'{"approve": true, "reason": "one\\ntwo"}',
        b'{"approve": true, "reason": "\\u001b[2J"}',
        b'{"approve": true, "reason": "\\u202e"}',
    ],
)
async def test_a_decision_says_one_thing_in_one_plain_line(http: httpx.AsyncClient, body: bytes) -> None:
    (listed,) = (await got(http, "alice")).json()
    refused = await got(http, "alice", f"/{listed['id']}/decision", content=body)

    assert (refused.status_code, refused.json()["title"]) == (400, "decision")
    assert (await got(http, "alice")).json()[0]["state"] == "pending"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.8", "console.example", "localhost.example"])
def test_tokens_never_travel_in_the_clear(host: str) -> None:
    with pytest.raises(ConfigError, match="weighlock_console"):
        a_console(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_where_it_listens(host: str) -> None:
    a_console(host)
