from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tornado.testing import bind_unused_port

from held import a_desk, a_request, an_approver, listed, some_terms
from weighlock.approval.lifecycle import Approver
from weighlock.console.app import LIMIT, Console
from weighlock.errors import Forbidden, Unidentified
from weighlock.holds import Approval, ApprovalState

TERMS = some_terms("leads", "legal", break_glass=frozenset({"oncall"}))
PEOPLE = {
    "lee": an_approver("lee"),
    "kim": an_approver("kim"),
    "dana": an_approver("dana", persons=frozenset({"dana"})),
    "eve": an_approver("eve", groups=frozenset()),
    "max": an_approver("max", "oncall"),
}


async def verify(token: str) -> Approver:
    if token not in PEOPLE:
        raise Unidentified("token-malformed", "The token is malformed.")
    return PEOPLE[token]


class Office:
    def __init__(self, port: int) -> None:
        self.port = port
        self.desk = a_desk()
        self.id = ""
        self.console = Console(("127.0.0.1", port), self.desk, verify)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        self.waiting: list[asyncio.Task[Approval]] = []

    async def hold(self, text: str = "mail <EMAIL_ADDRESS>") -> str:
        held = self.desk.hold(a_request(prompt=text, terms=TERMS), 60.0)
        self.waiting.append(asyncio.create_task(held))
        self.id = (await listed(self.desk))[0].id
        return self.id

    async def ask(self, method: str, path: str, who: str = "lee", **given: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {who}"} | given.pop("headers", {})
        return await self.client.request(method, f"/api/approvals{path}", headers=headers, **given)

    async def decide(self, id: str, who: str = "lee", **decision: Any) -> httpx.Response:
        return await self.ask("POST", f"/{id}/decision", who, json=decision)

    async def state(self) -> ApprovalState:
        return (await self.desk.get(self.id)).state


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    socket, port = bind_unused_port()
    socket.close()
    office = Office(port)
    office.console.start()
    yield office
    await office.client.aclose()
    await office.console.stop()
    for task in office.waiting:
        task.cancel()
    await asyncio.gather(*office.waiting, return_exceptions=True)
    await office.desk.close()


def problem(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:weighlock:{body['title']}"
    return response.status_code, body["title"]


async def test_what_is_held_is_listed(office: Office) -> None:
    assert (await office.ask("GET", "")).json() == []
    id = await office.hold()
    response = await office.ask("GET", "")

    (shown,) = response.json()
    assert (shown["id"], shown["state"], shown["workload"]) == (id, "pending", "nightly")
    assert (shown["groups"], shown["need"], shown["because"]) == (["leads", "legal"], 1, ["large"])
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "server" not in response.headers


async def test_what_is_settled_is_left_out_where_only_what_waits_is_asked_for(office: Office) -> None:
    id = await office.hold()
    assert [one["id"] for one in (await office.ask("GET", "?waiting=true")).json()] == [id]
    await office.decide(id, approve=False, reason="No.")

    assert (await office.ask("GET", "?waiting=true")).json() == []
    assert [one["state"] for one in (await office.ask("GET", "?waiting=false")).json()] == ["denied"]
    assert problem(await office.ask("GET", "?waiting=1")) == (400, "waiting")


async def test_one_is_shown_with_its_masked_prompt(office: Office) -> None:
    id = await office.hold()
    shown = (await office.ask("GET", f"/{id}")).json()

    assert shown["prompt"] == [
        {"pointer": "/messages/0/content", "role": "content", "text": "mail <EMAIL_ADDRESS>", "marks": []}
    ]
    assert shown["before"] == []


async def test_a_post_approves_and_the_request_goes_on(office: Office) -> None:
    id = await office.hold()
    response = await office.decide(id, approve=True, reason="Fine.")

    assert response.status_code == 200
    assert response.json()["state"] == "approved"
    assert response.json()["decisions"] == [
        {"who": "lee@example.com", "approve": True, "at": 1000, "break_glass": False, "reason": "Fine."}
    ]
    assert (await asyncio.wait_for(office.waiting[0], 5)).decisions[0].reason == "Fine."


async def test_a_post_denies_and_the_request_is_refused(office: Office) -> None:
    id = await office.hold()
    response = await office.decide(id, approve=False, reason="No.")

    assert response.json()["state"] == "denied"
    with pytest.raises(Forbidden, match="approval-denied"):
        await asyncio.wait_for(office.waiting[0], 5)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_but_a_post_decides(office: Office, method: str) -> None:
    id = await office.hold()
    response = await office.ask(method, f"/{id}/decision?approve=true", json={"approve": True})

    assert response.status_code == 405
    assert await office.state() is ApprovalState.PENDING


@pytest.mark.parametrize("path", ["", "/{id}"])
async def test_a_post_elsewhere_decides_nothing(office: Office, path: str) -> None:
    id = await office.hold()

    assert (await office.ask("POST", path.format(id=id), json={"approve": True})).status_code == 405
    assert await office.state() is ApprovalState.PENDING


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/decision"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""])
async def test_another_host_name_is_refused_whatever_it_asks(office: Office, host: str, path: str) -> None:
    id = await office.hold()
    headers = {"host": host.format(port=office.port)}
    method = "POST" if path.endswith("decision") else "GET"
    response = await office.ask(method, path.format(id=id), headers=headers, json={"approve": True})

    assert problem(response) == (403, "console-host")
    assert await office.state() is ApprovalState.PENDING


async def test_localhost_is_another_name_of_it(office: Office) -> None:
    assert (await office.ask("GET", "", headers={"host": f"localhost:{office.port}"})).status_code == 200


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/decision"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "token-missing"),
        ("Bearer", "token-missing"),
        ("Basic bGVlOg==", "token-missing"),
        ("lee", "token-missing"),
        ("Bearer nobody", "token-malformed"),
    ],
)
async def test_without_a_good_token_nothing_is_told_or_done(office: Office, value: str, code: str, path: str) -> None:
    id = await office.hold()
    method = "POST" if path.endswith("decision") else "GET"
    headers = {"authorization": value, "cookie": "token=lee"}
    response = await office.ask(method, path.format(id=id), headers=headers, json={"approve": True})

    assert problem(response) == (401, code)
    assert await office.state() is ApprovalState.PENDING


@pytest.mark.parametrize(("who", "code"), [("dana", "approver-is-requester"), ("eve", "approver-group")])
async def test_who_may_not_decide_is_refused(office: Office, who: str, code: str) -> None:
    id = await office.hold()

    assert problem(await office.decide(id, who, approve=True)) == (403, code)
    assert await office.state() is ApprovalState.PENDING


async def test_an_emergency_is_for_its_group_and_is_reviewed_by_another(office: Office) -> None:
    id = await office.hold()
    assert problem(await office.decide(id, "max", approve=True, reason="fire")) == (403, "approver-group")
    assert problem(await office.decide(id, approve=True, reason="fire", break_glass=True)) == (403, "break-glass-group")
    assert (await office.ask("GET", f"/{id}", "max")).status_code == 200

    broken = await office.decide(id, "max", approve=True, reason="fire", break_glass=True)
    assert (broken.json()["state"], broken.json()["decisions"][0]["break_glass"]) == ("approved", True)
    review = await office.ask("POST", f"/{id}/review", json={"reason": "it was right"})
    assert (review.json()["review"]["who"], review.json()["review"]["reason"]) == ("lee@example.com", "it was right")


async def test_what_was_approved_can_be_revoked(office: Office) -> None:
    id = await office.hold()
    await office.decide(id, approve=True)
    assert problem(await office.ask("POST", f"/{id}/revocation", json={"reason": " "})) == (403, "reason-missing")
    revoked = await office.ask("POST", f"/{id}/revocation", "kim", json={"reason": "wrong one"})

    assert revoked.json()["state"] == "revoked"
    assert await office.state() is ApprovalState.REVOKED


async def test_a_denial_says_why(office: Office) -> None:
    id = await office.hold()

    assert problem(await office.decide(id, approve=False)) == (403, "reason-missing")
    assert await office.state() is ApprovalState.PENDING


async def test_what_is_settled_stays_so(office: Office) -> None:
    id = await office.hold()
    await office.decide(id, approve=False, reason="No.")

    assert problem(await office.decide(id, approve=True)) == (403, "approval-settled")
    assert await office.state() is ApprovalState.DENIED


@pytest.mark.parametrize("path", ["/", "/zz", "/ab12/other", "/../secrets", "/" + "a" * 33])
async def test_an_unknown_path_is_not_found(office: Office, path: str) -> None:
    response = await office.ask("GET", path)

    assert problem(response) == (404, "console")


@pytest.mark.parametrize(("method", "path"), [("GET", "/ab12"), ("POST", "/ab12/decision")])
async def test_an_unknown_approval_is_told(office: Office, method: str, path: str) -> None:
    response = await office.ask(method, path, json={"approve": True})

    assert problem(response) == (403, "approval-unknown")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"approve"',
        b"{}",
        b'{"approve": "true"}',
        b'{"approve": 1}',
        b'{"approve": null}',
        b'{"approve": true, "reason": 5}',
        b'{"approve": true, "reason": null}',
        b'{"approve": true, "reason": "\xff"}',
        b'{"approve": true, "reason": "\\ud800"}',
        b'{"approve": true, "reason": "' + b"x" * 1001 + b'"}',
        b"[" * 60_000,
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
async def test_a_decision_that_cannot_be_read_is_none(office: Office, body: bytes) -> None:
    id = await office.hold()
    response = await office.ask("POST", f"/{id}/decision", content=body, headers={"content-type": "application/json"})

    assert problem(response) == (400, "decision")
    assert await office.state() is ApprovalState.PENDING


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
async def test_what_a_form_of_another_site_could_send_decides_nothing(office: Office, kind: str) -> None:
    id = await office.hold()
    response = await office.ask(
        "POST", f"/{id}/decision", content=json.dumps({"approve": True}).encode(), headers={"content-type": kind}
    )

    assert problem(response) == (400, "media-type")
    assert await office.state() is ApprovalState.PENDING


async def test_a_body_over_the_bound_decides_nothing(office: Office) -> None:
    id = await office.hold()
    body = json.dumps({"approve": True, "reason": "x" * LIMIT}).encode()
    try:
        response = await office.ask(
            "POST", f"/{id}/decision", content=body, headers={"content-type": "application/json"}
        )
    except httpx.TransportError:
        refused = True
    else:
        refused = response.status_code == 400

    assert refused
    assert await office.state() is ApprovalState.PENDING


async def test_a_console_that_is_turned_off_starts_and_stops() -> None:
    console = Console(None, a_desk(), verify)
    console.start()
    await console.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_address_that_is_taken_is_told(office: Office) -> None:
    with pytest.raises(OSError, match="in use"):
        Console(("127.0.0.1", office.port), office.desk, verify).start()
    gc.collect()  # Tornado leaves the socket that it could not bind to the collector, which says so.


async def test_counts_are_told_to_this_host_alone(office: Office) -> None:
    socket, port = bind_unused_port()
    socket.close()
    console = Console(("127.0.0.1", port), office.desk, verify, read_metrics=lambda: b"weighlock_rules_good 1.0\n")
    console.start()
    try:
        address = f"http://127.0.0.1:{port}/metrics"
        async with httpx.AsyncClient(trust_env=False) as client:
            told = await client.get(address)
            other = await client.get(address, headers={"host": f"evil.example:{port}"})
        assert (told.status_code, told.text) == (200, "weighlock_rules_good 1.0\n")
        assert told.headers["content-type"].startswith("text/plain; version=1.0.0")
        assert (other.status_code, "weighlock_rules" in other.text) == (403, False)
        assert (await office.client.get("/metrics")).status_code != 200
    finally:
        await console.stop()
