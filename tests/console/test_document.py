"""The API's document against the API: every route, and the shape of what is really answered."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from tornado.web import RequestHandler

from browsing import Place
from held import an_approver, some_terms
from oidc import OidcProvider
from weighlock.approval.lifecycle import Approver
from weighlock.console.about import DOCUMENT
from weighlock.console.app import Console

API: dict[str, Any] = json.loads(DOCUMENT)
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
OPERATIONS = [(path, method) for path, item in API["paths"].items() for method in METHODS if method in item]


def valid(schema: dict[str, Any], value: object) -> None:
    Draft202012Validator(schema | {"components": API["components"]}).validate(value)


class Office(Place):
    """Somebody asks by a token which is their name."""

    async def start(self, provider: OidcProvider) -> None:
        await self.open(provider)
        await self.console.stop()
        self.console = Console(("127.0.0.1", self.port), self.desk, self._verify, None, self.grant, self.site)
        self.console.start()
        self.client = httpx.AsyncClient(base_url=self.url, trust_env=False)

    async def _verify(self, token: str) -> Approver:
        return an_approver(token, "security", "oncall", authenticated_at=self.clock())

    async def ask(self, path: str, method: str, body: object = None, who: str = "lee") -> Any:
        """What is answered, once it is seen to be as the document says; *path* as in the document."""
        place = path.replace("{id}", self.id)
        headers = {"authorization": f"Bearer {who}"}
        said = API["paths"][path][method]
        if body is not None:
            valid(said["requestBody"]["content"]["application/json"]["schema"], body)
        answer = await self.client.request(method, place, json=body, headers=headers)
        promised = said["responses"][str(answer.status_code)]
        if "$ref" in promised:
            promised = API["components"]["responses"][promised["$ref"].rpartition("/")[2]]
        valid(promised["content"][answer.headers["content-type"]]["schema"], answer.json())
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def office(provider: OidcProvider) -> AsyncIterator[Office]:
    office = Office()
    await office.start(provider)
    terms = some_terms("security", break_glass=frozenset({"oncall"}))
    office.id = await office.hold("mail <EMAIL_ADDRESS>", terms=terms)
    yield office
    await office.client.aclose()
    await office.close()


def test_it_is_openapi_and_its_schemas_are_json_schemas() -> None:
    assert API["openapi"] == "3.1.0"
    for schema in API["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [API["paths"][path][method]["operationId"] for path, method in OPERATIONS]
    assert len(names) == len(set(names))


async def test_it_names_every_route_and_every_method_and_no_other(office: Office) -> None:
    routed = set()
    for rule in office.console._application.default_router.rules[-1].target.rules:
        pattern, handler = rule.matcher.regex.pattern, rule.target
        if not pattern.startswith("/api/") or not issubclass(handler, RequestHandler):
            continue
        path = re.sub(r"\(.*?\)", "{id}", pattern.removesuffix("$"))
        unimplemented = RequestHandler._unimplemented_method
        routed |= {(path, method) for method in METHODS if getattr(handler, method) is not unimplemented}

    assert routed == set(OPERATIONS)


async def test_what_is_answered_is_what_it_says(office: Office) -> None:
    asked = set()

    async def ask(path: str, method: str, body: object = None, who: str = "lee") -> Any:
        asked.add((path, method))
        return await office.ask(path, method, body, who)

    one = "/api/approvals/{id}"
    assert await ask("/api/openapi.json", "get") == API
    (terms,) = await ask("/api/login", "get")
    assert terms["client"] == "console"
    assert len(await ask("/api/approvals", "get")) == 1
    assert (await ask(one, "get"))["prompt"][0]["text"] == "mail <EMAIL_ADDRESS>"
    broken = await ask(f"{one}/decision", "post", {"approve": True, "reason": "fire", "break_glass": True})
    assert broken["state"] == "approved"
    assert (await ask(f"{one}/review", "post", {"reason": "it was right"}, "kim"))["review"]["who"] == "kim@example.com"
    assert (await ask(f"{one}/revocation", "post", {"reason": "over"}))["state"] == "revoked"
    numbers = {"requests": 5, "bytes": 1000, "minutes": 10}
    texts = {"workload": "nightly", "destination": "model", "model": "", "reason": "month's end"}
    assert (await ask("/api/grants", "post", texts | numbers | {"statements": ["large"]}))["limits"]["requests"] == 5

    for word in ("login", "logout"):
        assert (await ask(f"/api/me/{word}", "post"))["groups"] == ["oncall", "security"]

    assert asked == set(OPERATIONS)  # none was left out


BODIES: dict[str, dict[str, Any]] = {
    "/api/approvals/{id}/decision": {"approve": True, "reason": "", "break_glass": False},
    "/api/approvals/{id}/revocation": {"reason": "over"},
    "/api/approvals/{id}/review": {"reason": "right"},
    "/api/grants": {
        "workload": "nightly",
        "destination": "model",
        "model": "",
        "reason": "month's end",
        "statements": ["large"],
        "requests": 5,
        "bytes": 1000,
        "minutes": 10,
    },
}


WRONG: dict[type, list[Any]] = {
    str: [None, {}, 5, True, ["x"], "x" * 1001],
    bool: [None, 0, 1, "true", []],
    int: [None, 0, -1, 1.5, 10**9, "1", True, 10**20],
    list: [None, {}, [], "large", [5], [["large"]]],
}


def others(body: dict[str, Any], required: list[str]) -> Iterator[Any]:
    """Each is wrong in one thing."""
    yield from ([], None, "approve", {}, body | {"other": True})
    for name, value in body.items():
        if name in required:
            yield {one: body[one] for one in body if one != name}
        yield from (body | {name: other} for other in WRONG[type(value)])


@pytest.mark.parametrize("path", BODIES)
async def test_what_the_document_does_not_allow_is_refused_and_does_nothing(office: Office, path: str) -> None:
    schema = API["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    required = API["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["required"]
    validator = Draft202012Validator(schema | {"components": API["components"]})
    headers = {"authorization": "Bearer lee"}
    assert validator.is_valid(BODIES[path])
    before = await office.desk.list()
    tried = list(others(BODIES[path], required))
    assert len(tried) > 10
    for body in tried:
        assert not validator.is_valid(body), body
        answer = await office.client.post(path.replace("{id}", office.id), json=body, headers=headers)
        assert answer.status_code == 400, body
        assert str(answer.status_code) in API["paths"][path]["post"]["responses"]
        valid(API["components"]["schemas"]["Problem"], answer.json())
    assert await office.desk.list() == before


def test_every_body_that_it_asks_for_is_tried() -> None:
    assert {path for path, method in OPERATIONS if "requestBody" in API["paths"][path][method]} == BODIES.keys()


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
async def test_a_refusal_is_a_problem_as_it_says(office: Office, path: str, method: str) -> None:
    answer = await office.client.request(method, path.replace("{id}", office.id), headers={"host": "evil.example"})

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    valid(API["components"]["schemas"]["Problem"], answer.json())


async def test_without_a_token_only_what_it_says_is_open(office: Office) -> None:
    for path, method in OPERATIONS:
        answer = await office.client.request(method, path.replace("{id}", office.id))
        open_to_all = API["paths"][path][method].get("security") == []
        assert (answer.status_code == 401) is not open_to_all
