from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tornado.testing import bind_unused_port

from held import a_desk
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import LIMIT, Console
from weighlock.errors import Unavailable, Unidentified
from weighlock.identity.events import Err, EventRefused

GOOD = {"authorization": "Bearer the token", "content-type": "application/secevent+jwt"}


async def verify(_: str) -> Approver:
    raise Unidentified("token-malformed", "The token is malformed.")


class Inbox:
    def __init__(self, port: int) -> None:
        self.port = port
        self.error: Exception | None = None
        self.delivered: list[tuple[str, str]] = []
        self.console = Console(("127.0.0.1", port), a_desk(), verify, self._deliver)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    async def _deliver(self, bearer: str, raw: str) -> None:
        self.delivered.append((bearer, raw))
        if self.error:
            raise self.error

    async def post(self, body: bytes = b"a.b.c", **headers: str) -> httpx.Response:
        given = GOOD | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/ssf/events", content=body, headers={n: v for n, v in given.items() if v})


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    socket, port = bind_unused_port()
    socket.close()
    inbox = Inbox(port)
    inbox.console.start()
    yield inbox
    await inbox.client.aclose()
    await inbox.console.stop()


async def test_what_is_taken_is_accepted_without_a_word(inbox: Inbox) -> None:
    response = await inbox.post()

    assert (response.status_code, response.content) == (202, b"")
    assert inbox.delivered == [("the token", "a.b.c")]
    assert response.headers["cache-control"] == "no-store"
    assert not {"server", "content-type"} & set(response.headers)


@pytest.mark.parametrize("err", list(Err))
async def test_what_is_refused_is_told_as_rfc_8935_says(inbox: Inbox, err: Err) -> None:
    inbox.error = EventRefused(err, "code", "Why it is refused.")
    response = await inbox.post()

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-language"] == "en"
    assert response.json() == {"err": err.value, "description": "Why it is refused."}


async def test_what_cannot_be_taken_now_is_to_be_sent_again(inbox: Inbox) -> None:
    inbox.error = Unavailable("events-unwritable", "Events cannot be kept right now.")
    response = await inbox.post()

    assert (response.status_code, response.content) == (503, b"")


async def test_a_defect_is_no_acceptance(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    inbox.error = RuntimeError("dana@example.com")
    response = await inbox.post(b"who.is.this")

    assert (response.status_code, response.content) == (500, b"")
    assert "dana" not in caplog.text
    assert "who.is" not in caplog.text


@pytest.mark.parametrize(
    "kind", ["", "application/jwt", "application/json", "text/plain", "application/secevent+jwt;x"]
)
async def test_another_media_type_is_no_event(inbox: Inbox, kind: str) -> None:
    response = await inbox.post(content_type=kind)

    assert (response.status_code, response.json()["err"]) == (400, "invalid_request")
    assert inbox.delivered == []


@pytest.mark.parametrize(
    ("value", "bearer"),
    [
        ("", ""),
        ("Bearer", ""),
        ("the token", ""),
        ("Basic dGhlIHRva2Vu", ""),
        ("bearer  the token", "the token"),
    ],
)
async def test_the_bearer_token_is_handed_on(inbox: Inbox, value: str, bearer: str) -> None:
    await inbox.post(authorization=value)

    assert inbox.delivered == [(bearer, "a.b.c")]


async def test_any_bytes_are_handed_on_as_characters(inbox: Inbox) -> None:
    await inbox.post(bytes(range(256)))

    assert inbox.delivered[0][1].encode("latin-1") == bytes(range(256))


async def test_it_answers_under_the_name_of_a_proxy_and_the_approvers_api_does_not(inbox: Inbox) -> None:
    assert (await inbox.post(host="egress.example.com")).status_code == 202
    headers = {"host": "egress.example.com", "authorization": "Bearer x"}
    assert (await inbox.client.get("/api/approvals", headers=headers)).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_but_a_post_delivers(inbox: Inbox, method: str) -> None:
    response = await inbox.client.request(method, "/ssf/events", headers=GOOD, content=b"a.b.c")

    assert response.status_code == 405
    assert inbox.delivered == []


async def test_an_approvers_api_without_a_receiver_has_no_such_place(inbox: Inbox) -> None:
    socket, port = bind_unused_port()
    socket.close()
    console = Console(("127.0.0.1", port), a_desk(), verify)
    console.start()
    response = await inbox.client.post(f"http://127.0.0.1:{port}/ssf/events", headers=GOOD, content=b"a.b.c")
    await console.stop()

    assert response.status_code in (401, 404)


async def test_a_body_over_the_bound_is_not_delivered(inbox: Inbox) -> None:
    status: Any = 400
    try:
        status = (await inbox.post(b"x" * (LIMIT + 1))).status_code
    except httpx.TransportError:
        status = "cut"

    assert status in (400, "cut")
    assert inbox.delivered == []
