"""Holds at a real gateway: what clients are told, what people decide, and what goes out in the end."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from clients import CLIENTS, RULES_ALONE, ask, chat, client, ran, settings
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from upstream import Upstream

SPOKEN = "openai, anthropic"
POLICY = """
statements:
  - {id: exports-are-looked-at, effect: hold, direction: request, principals: {workloads: [export]},
     approvers: {groups: [security]}, reason: Exports are looked at.}
  - {id: soft-ones, effect: hold, direction: request, calls: {models: [soft, claude-soft]}, held: soft,
     approvers: {groups: [security]}}
  - {id: two-of-us, effect: hold, direction: request, calls: {models: [two]}, needs_reason: true,
     approvers: {groups: [security], need: 2}, break_glass: [oncall]}
"""
BULK = " ".join(f"person{n}@example.com" for n in range(12))


class People:
    """Who decides, over the console's API."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{gateway.console_port}/api", trust_env=False)

    def call(
        self,
        method: str,
        path: str,
        who: str = "alice",
        group: str = "security",
        claims: dict[str, Any] | None = None,
        **said: Any,
    ) -> httpx.Response:
        person = {"sub": who, "email": f"{who}@example.com", "groups": [group]}
        token = self.gateway.approver(**person | (claims or {}))
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = json.dumps(said) if said else None
        while (answer := self._http.request(method, path, headers=headers, content=content)).status_code == 503:
            pass  # a busy machine: whether anybody was cut off could not be read in time
        return answer

    def listed(self, state: str = "pending") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/approvals").json()
        return [one for one in found if one["state"] == state]

    def pending(self) -> dict[str, Any]:
        """The only one, as soon as there is one."""
        while not (found := self.listed()):
            pass
        (only,) = found
        return only

    def decide(self, id: str, approve: bool = True, reason: str = "because", **given: Any) -> httpx.Response:
        return self.call("POST", f"/approvals/{id}/decision", approve=approve, reason=reason, **given)

    def state(self, id: str) -> str:
        return str(self.call("GET", f"/approvals/{id}").json()["state"])

    def close(self) -> None:
        self._http.close()

    def clear(self) -> None:
        for one in self.listed():
            denied = self.decide(one["id"], False)
            assert denied.status_code == 200, denied.text


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, upstream: Upstream) -> Iterator[Gateway]:
    options = RULES_ALONE | {f"weighlock_hold_{name}": "1s" for name in ("for", "retry", "grace")}
    gateway = Gateway(tmp_path_factory.mktemp("held"), issuer, upstream, options=options)
    destinations = gateway.rules / "destinations.yaml"
    listed = destinations.read_text().replace("openai, generic", SPOKEN)
    other = listed.splitlines()[-1].replace("name: llm, host: localhost", "name: other, host: 127.0.0.1")
    destinations.write_text(f"{listed}{other}\n")
    (gateway.rules / "policy" / "held.yaml").write_text(POLICY)
    with gateway:
        yield gateway


@pytest.fixture
def people(gateway: Gateway) -> Iterator[People]:
    """Nothing is pending before, and nothing afterwards."""
    people = People(gateway)
    yield people
    people.clear()
    people.close()


def export(gateway: Gateway, text: str = "hello", **given: Any) -> httpx.Response:
    """By the workload whose every request is held; of a job of its own."""
    return ask(gateway, text, gateway.token(project_id=9), **given)


def code(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


# -- what a client is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_shows_what_holds_it_and_how_to_come_back_and_none_succeeds(
    gateway: Gateway, people: People, upstream: Upstream, name: str
) -> None:
    asked = upstream.requests
    done = ran(gateway, name, gateway.token(project_id=9))
    said, held = re.sub(r"\\?[\"'`]", "", done.stdout + done.stderr), people.pending()

    assert f"Held for approval {held['id']}: Exports are looked at." in said
    assert f"Ask 1 of security to run weighlock approvals approve {held['id']}" in said
    assert "run the job again within 30 min" in said
    assert "exports-are-looked-at" in said
    assert "canal locks" not in done.stdout
    assert upstream.requests == asked
    if name in ("curl", "openai", "anthropic"):
        assert done.returncode != 0


def openai_sdk(gateway: Gateway, **given: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key="weighlock", http_client=client(gateway), **given)


def anthropic_sdk(gateway: Gateway, **given: Any) -> anthropic.Anthropic:
    http, base = httpx2.Client(**settings(gateway)), gateway.url.removesuffix("/v1")
    return anthropic.Anthropic(base_url=base, api_key="weighlock", http_client=http, **given)


def by_openai(gateway: Gateway, model: str, **given: Any) -> Any:
    with openai_sdk(gateway) as sdk:
        return sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}], **given)


def by_anthropic(gateway: Gateway, model: str, **given: Any) -> Any:
    with anthropic_sdk(gateway) as sdk:
        message = {"role": "user", "content": "hi"}
        return sdk.messages.create(model=f"claude-{model}", max_tokens=9, messages=[message], **given)  # type: ignore[list-item]


@pytest.mark.parametrize("call", [by_openai, by_anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_unmodified_sdk_waits_where_it_is_told_softly(
    gateway: Gateway, people: People, upstream: Upstream, call: Any, stream: bool
) -> None:
    asked = upstream.requests
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call, gateway, "soft", stream=stream)
        held = people.pending()
        assert held["mode"] == "soft"
        assert people.decide(held["id"]).status_code == 200
        assert future.result(60)

    assert upstream.requests == asked + 1
    assert people.state(held["id"]) == "consumed"


@pytest.mark.parametrize(
    ("call", "error"),
    [(by_openai, openai.APIStatusError), (by_anthropic, anthropic.APIStatusError)],
    ids=["openai", "anthropic"],
)
def test_an_sdk_raises_what_was_decided(gateway: Gateway, people: People, call: Any, error: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call, gateway, "soft")
        people.decide(people.pending()["id"], False, "not on a Friday")
        with pytest.raises(error) as caught:
            future.result(60)

    assert caught.value.status_code == 403
    assert "denied by alice@example.com: not on a Friday" in str(caught.value)


# -- the same request, and others --------------------------------------------------------------------------------------


def test_what_one_run_asked_for_another_run_gets_once_masked(
    gateway: Gateway, people: People, upstream: Upstream
) -> None:
    seen = len(upstream.received)
    assert code(ask(gateway, BULK)) == "approval-pending"
    held = people.pending()
    assert people.decide(held["id"]).json()["state"] == "approved"
    with client(gateway) as http:
        other = http.post(f"{gateway.url}/chat/completions", json=chat(BULK), headers={"x-stainless-retry-count": "1"})
    again = ask(gateway, BULK)

    assert (other.status_code, code(again)) == (200, "approval-pending")
    assert people.state(held["id"]) == "consumed"
    assert people.pending()["id"] != held["id"]
    assert upstream.received[seen:].count(b"POST ") == 1
    assert b"person1@example.com" not in upstream.received[seen:]


FLIPS: dict[str, dict[str, Any]] = {
    "a byte": {"json": chat("hellp")},
    "a byte more": {"json": chat("hello ")},
    "the model": {"json": chat("hello", model="other")},
    "a parameter": {"json": chat("hello", temperature=0)},
    "a header": {"headers": {"openai-beta": "x"}},
    "the user agent": {"headers": {"user-agent": "another/1.0"}},
    "the query": {"params": {"a": "b"}},
    "the path": {"path": "/embeddings", "json": {"model": "demo", "input": "hello"}},
    "the destination": {"host": "127.0.0.1"},
    "the actor": {"token": {"actor_id": "4711"}},
    "the subject": {"token": {"sub": "project:9:other"}},
}


def test_nothing_else_is_released_by_an_approval(gateway: Gateway, people: People, upstream: Upstream) -> None:
    assert code(export(gateway)) == "approval-pending"
    held = people.pending()
    people.decide(held["id"])
    asked = upstream.requests
    with ThreadPoolExecutor(len(FLIPS)) as pool:
        refused = dict(zip(FLIPS, pool.map(lambda flip: _flipped(gateway, **flip), FLIPS.values()), strict=True))

    assert {name: code(answer) for name, answer in refused.items()} == dict.fromkeys(FLIPS, "approval-pending")
    assert upstream.requests == asked
    assert people.state(held["id"]) == "approved"
    assert len(people.listed()) == len(FLIPS)
    assert export(gateway).status_code == 200


def _flipped(
    gateway: Gateway,
    *,
    host: str = "localhost",
    path: str = "/chat/completions",
    token: dict[str, str] | None = None,
    **given: Any,
) -> httpx.Response:
    with client(gateway, gateway.token(**{"project_id": 9} | (token or {}))) as http:
        return http.post(gateway.url.replace("localhost", host) + path, **{"json": chat("hello")} | given)


def test_of_many_who_ask_for_the_same_one_is_released(gateway: Gateway, people: People, upstream: Upstream) -> None:
    asked = upstream.requests
    assert code(export(gateway, "the same")) == "approval-pending"
    people.decide(people.pending()["id"])
    with ThreadPoolExecutor(12) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: export(gateway, "the same"), range(12))]

    assert statuses.count(200) == 1
    assert statuses.count(403) == 11
    assert upstream.requests == asked + 1


# -- people ------------------------------------------------------------------------------------------------------------


OWN: dict[str, dict[str, Any]] = {
    "the owner": {"sub": "casey", "email": "casey@example.com"},
    "the actor": {"actor_id": "4711"},
    "the owner's second account": {"sub": "c2", "email": "c2@elsewhere.example", "actor_id": "1047"},
}


def test_nobody_approves_what_they_asked_for_themselves(gateway: Gateway, people: People) -> None:
    with client(gateway, gateway.token(project_id=9, actor_id="4711")) as http:
        assert code(http.post(f"{gateway.url}/chat/completions", json=chat("mine"))) == "approval-pending"
    id = people.pending()["id"]
    refused = {name: people.decide(id, claims=claims).json()["title"] for name, claims in OWN.items()}

    assert refused == dict.fromkeys(OWN, "approver-is-requester")
    assert people.state(id) == "pending"
    assert people.decide(id).json()["state"] == "approved"


def test_two_of_them_decide_and_no_owner(gateway: Gateway, people: People) -> None:
    def asked() -> httpx.Response:
        return ask(gateway, "hello", model="two")

    assert code(asked()) == "approval-pending"
    id = people.pending()["id"]
    for who, group, given, refusal in (
        ("dana", "security", {}, "approver-is-requester"),
        ("eve", "staff", {}, "approver-group"),
        ("alice", "security", {"reason": ""}, "reason-missing"),
    ):
        assert people.decide(id, who=who, group=group, **given).json()["title"] == refusal
    assert people.decide(id).json()["state"] == "pending"
    assert people.decide(id).json()["title"] == "approver-again"
    assert code(asked()) == "approval-pending"
    assert people.decide(id, who="bob").json()["state"] == "approved"
    assert asked().status_code == 200


def test_a_broken_glass_is_loud_short_and_reviewed(gateway: Gateway, people: People) -> None:
    assert code(ask(gateway, "fire", model="two")) == "approval-pending"
    id = people.pending()["id"]
    broken = people.decide(id, who="max", group="oncall", break_glass=True).json()
    assert broken["state"] == "approved"
    assert broken["use_by"] - broken["decisions"][0]["at"] == 600
    assert ask(gateway, "fire", model="two").status_code == 200

    assert f"approval {id} of workload nightly: approved by broken glass" in gateway.output
    reviewed = people.call("POST", f"/approvals/{id}/review", reason="it was right").json()
    assert reviewed["review"]["who"] == "alice@example.com"


def test_a_stale_login_decides_nothing(gateway: Gateway, people: People) -> None:
    assert code(export(gateway, "stale")) == "approval-pending"
    id = people.pending()["id"]
    token = gateway.approver(auth_time=int(time.time()) - 1000)
    done = gateway.weighlock("approvals", "approve", id, env={"WEIGHLOCK_TOKEN": token})

    assert (done.returncode, people.state(id)) == (1, "pending")
    assert "Log in again." in done.stderr


def test_a_grant_of_two_people_lets_so_many_go(gateway: Gateway, people: People, upstream: Upstream) -> None:
    asked = upstream.requests
    wanted = ["--workload", "export", "--statement", "exports-are-looked-at", "--destination", "llm", "--model", "demo"]
    limits = ["--requests", "3", "--minutes", "10", "--reason", "month's end"]
    env = {"WEIGHLOCK_TOKEN": gateway.approver()}
    done = gateway.weighlock("approvals", "grant", *wanted, *limits, env=env)
    assert (done.returncode, done.stdout.split(maxsplit=1)[1]) == (0, "pending, 1 of 2 have approved\n"), done.stderr
    id = done.stdout.split()[0]
    assert code(export(gateway, "before")) == "approval-pending"
    assert people.decide(id, who="bob").json()["state"] == "approved"

    assert code(export(gateway, "another model", model="other")) == "approval-pending"
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda n: export(gateway, f"no. {n}"), range(8))]
    assert statuses.count(200) == 3
    assert upstream.requests == asked + 3
    used = people.call("GET", f"/approvals/{id}").json()
    assert (used["state"], used["limits"]["used_requests"]) == ("consumed", 3)


# -- pipelines ---------------------------------------------------------------------------------------------------------


def waits(gateway: Gateway, id: str, timeout: str, project: int = 9) -> tuple[int, str]:
    env = {"HTTPS_PROXY": gateway.proxy(gateway.token(project_id=project)), "SSL_CERT_FILE": str(gateway.ca)}
    done = gateway.weighlock("wait", id, "--timeout", timeout, "--interval", "0.1", env=env)
    return done.returncode, done.stdout + done.stderr


def test_a_pipeline_waits_for_its_decision(gateway: Gateway, people: People) -> None:
    assert code(export(gateway, "wait")) == "approval-pending"
    id = people.pending()["id"]
    assert waits(gateway, id, "1s") == (75, f"{id} pending: 1 of security can approve it\n")
    foreign = waits(gateway, id, "1s", project=7)
    assert (foreign[0], "approval-unknown" in foreign[1]) == (1, True)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(waits, gateway, id, "60s")
        people.decide(id, reason="fine")
        assert waiting.result(60)[0] == 0
    people.call("POST", f"/approvals/{id}/revocation", reason="wrong one")
    assert waits(gateway, id, "1s") == (1, f"{id} revoked by alice@example.com: wrong one\n")
    assert code(export(gateway, "wait")) == "approval-revoked", "it hears of that once"
    env = {"WEIGHLOCK_TOKEN": gateway.approver()}
    assert gateway.weighlock("wait", id, env=env).returncode == 1


def test_a_client_that_leaves_is_never_forwarded(gateway: Gateway, people: People, upstream: Upstream) -> None:
    asked = upstream.requests
    with client(gateway, gateway.token(project_id=9)) as http, pytest.raises(httpx.ReadTimeout):
        http.post(f"{gateway.url}/chat/completions", json=chat("gone"), timeout=httpx.Timeout(30, read=0.5))
    id = people.pending()["id"]
    while people.state(id) != "cancelled":
        pass

    assert people.decide(id).json()["title"] == "approval-settled"
    assert upstream.requests == asked


# -- what wins over an approval ----------------------------------------------------------------------------------------


def test_a_policy_tightened_while_it_was_approved_wins(gateway: Gateway, people: People, upstream: Upstream) -> None:
    assert code(export(gateway, "later")) == "approval-pending"
    people.decide(people.pending()["id"])
    asked = upstream.requests
    file = gateway.rules / "policy" / "strict.yaml"
    strict = "{id: closed, effect: block, direction: request, principals: {workloads: [export]}}"
    file.write_text(f"statements: [{strict}]\n")
    try:
        while (refused := code(export(gateway, "other"))) == "approval-pending":
            pass
        assert (refused, code(export(gateway, "later"))) == ("policy-blocked", "policy-blocked")
        assert upstream.requests == asked
    finally:
        file.unlink()
    while code(export(gateway, "other")) == "policy-blocked":
        pass
    assert export(gateway, "later").status_code == 200


def test_a_cut_off_while_it_was_approved_wins(gateway: Gateway, people: People, upstream: Upstream) -> None:
    assert code(export(gateway, "cut")) == "approval-pending"
    id = people.pending()["id"]
    people.decide(id)
    asked = upstream.requests
    assert gateway.weighlock("cutoffs", "add", "person", "casey", "--reason", "left").returncode == 0
    try:
        while people.state(id) == "approved":
            pass
        assert code(export(gateway, "cut")) == "cut-off"
        assert people.state(id) == "cancelled"
        assert upstream.requests == asked
    finally:
        assert gateway.weighlock("cutoffs", "lift", "1").returncode == 0
    while (again := code(export(gateway, "cut"))) == "cut-off":
        pass
    assert again == "approval-pending"


def test_a_restart_keeps_what_is_pending_and_what_is_approved(
    gateway: Gateway, people: People, upstream: Upstream
) -> None:
    """The last one here: the gateway is another process afterwards."""
    texts = ("approved before", BULK)
    for text in texts:
        assert code(export(gateway, text)) == "approval-pending"
    first, second = people.listed()
    people.decide(first["id"])
    assert gateway.stop() == 0
    gateway._settled = threading.Event()
    gateway.output = ""
    gateway.start()
    gateway.wait_ready()
    asked = upstream.requests

    assert [one["id"] for one in people.listed()] == [second["id"]]
    assert "<EMAIL_ADDRESS>" in people.call("GET", f"/approvals/{second['id']}").json()["prompt"][0]["text"]
    people.decide(second["id"])
    assert [export(gateway, text).status_code for text in texts] == [200, 200]
    assert upstream.requests == asked + 2
    assert gateway.weighlock("ledger", "verify").returncode == 0
