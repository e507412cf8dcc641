"""Static keys through the real gateway, sent by the real curl: refused wherever they ride, named by fingerprint."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from clients import RULES_ALONE, chat, client, sdk
from demo.gateway import Gateway
from demo.model_host import ModelHost
from planted import found
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.ledger import entry, seal

ALNUM = "9f8E7d6C5b4A39281706F5e4D3c2B1a0"


def a_key(prefix: str, number: int) -> str:
    """Put together here, so that no scanner takes this file for a leak; the numbers make them differ."""
    return f"{prefix}{ALNUM}{number:04d}"


KEYS = {
    "authorization": a_key("sk-proj-", 1),
    "header": a_key("sk-ant-" + "api03-", 2),
    "query": a_key("AI" + "za", 3),
    "proxy password": a_key("gs" + "k_", 4),
    "proxy user": a_key("xa" + "i-", 5),
    "cookie": a_key("h" + "f_", 6),
    "path": a_key("pplx" + "-", 7),
    "form": a_key("sk-svcacct-", 8),
    "json": a_key("tgp" + "_v1_", 9),
    "basic client": "client-" + ALNUM + "10",
    "refresh token": "rt-" + ALNUM + "11",
    "client secret": "cs-" + ALNUM + "12",
    "unlisted name": "ocp-" + ALNUM + "13",
    "no token": a_key("sk-proj-", 14),
    "signature": "AK" + "IA" + "9F8E7D6C5B4A3928",
}


class Curl:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.output = gateway, ""

    def __call__(self, path: str = "/v1/chat/completions", *more: str, proxy: str | None = None) -> tuple[int, Any]:
        """Status and body. *proxy* is user and password for it; by default those with a good token."""
        user = f"oidc:{self.gateway.token()}" if proxy is None else proxy
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--cacert", str(self.gateway.ca)]
        command += ["--path-as-is", "--proxy", self.gateway.proxy(), "--proxy-user", user]
        command += ["--write-out", "\n%{http_code}", *more, f"https://localhost:{self.gateway.host.port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
        self.output += done.stdout + done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)


def data(body: object) -> tuple[str, ...]:
    return ("--header", "content-type: application/json", "--data", json.dumps(body))


PROMPT = data(chat("hello"))


@pytest.fixture(scope="module")
def tried(
    tmp_path_factory: pytest.TempPathFactory, issuer: Any, host: ModelHost
) -> Iterator[tuple[Gateway, Curl, dict[str, tuple[int, Any]]]]:
    """A gateway at which every key was tried, its answers, and still running."""
    seen = len(host.received)
    with Gateway(tmp_path_factory.mktemp("keys") / "gateway", issuer, host, options=RULES_ALONE) as gateway:
        curl, token = Curl(gateway), gateway.token()
        key = KEYS
        form = {"grant_type": "client_credentials", "client_id": "app"}
        answers = {
            "authorization": curl(
                "/v1/chat/completions", "-H", f"Authorization: Bearer {key['authorization']}", *PROMPT
            ),
            "header": curl("/v1/chat/completions", "-H", f"x-portkey-api-key: {key['header']}", *PROMPT),
            "query": curl(f"/v1/models?alt=sse&key={key['query']}"),
            "proxy password": curl("/v1/models", proxy=f"oidc:{key['proxy password']}"),
            "proxy user": curl("/v1/models", proxy=f"{key['proxy user']}:{token}"),
            "cookie": curl("/v1/models", "--cookie", f"theme=dark; sid={quote(key['cookie'])}"),
            "path": curl(f"/v1/{key['path']}/models"),
            "form": curl("/v1/oauth/token", *_form(form | {"subject_token": key["form"]}), proxy="oidc:"),
            "json": curl("/OAuth/%74oken/", *data(form | {"assertion": key["json"]})),
            "basic client": curl("/oauth/token", "--user", f"app:{key['basic client']}", *_form(form)),
            "refresh token": curl("/oauth/token?a=b", *_form(form | {"refresh_token": key["refresh token"]})),
            "client secret": curl("/v1/oauth//token", *data({"a": [{"client_secret": key["client secret"]}]})),
            "unlisted name": curl("/v1/models", "-H", f"Ocp-Apim-Subscription-Key: {key['unlisted name']}"),
            "no token": curl("/v1/models", "-H", f"x-api-key: {key['no token']}", proxy="oidc:"),
            "signature": curl(
                "/v1/models", "-H", f"Authorization: AWS4-HMAC-SHA256 Credential={key['signature']}/20260101/x"
            ),
        }
        assert bytes(host.received[seen:]) == b""
        yield gateway, curl, answers


def _form(members: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in members.items() for word in ("--data-urlencode", f"{name}={value}"))


TOKEN_ENDPOINT = {"form", "json", "basic client", "refresh token", "client secret"}


@pytest.mark.parametrize("place", KEYS)
def test_it_is_refused_with_the_next_step(tried: Any, place: str) -> None:
    status, answer = tried[2][place]

    expected = (403, "token-endpoint") if place in TOKEN_ENDPOINT else (401, "static-key")
    assert (status, answer["error"]["code"]) == expected
    assert "HTTPS_PROXY=http://oidc:$TOKEN@GATEWAY" in answer["error"]["message"]


def refusals(gateway: Gateway) -> list[dict[str, Any]]:
    shown = gateway.weighlock("ledger", "show", "--kind", "refusal", "--limit", "100", "--json")
    return [said["body"] for said in json.loads(shown.stdout)]


PLACES = {"header": "header", "unlisted name": "header", "no token": "x-api-key", "signature": "authorization"}
PLACES |= {
    "proxy password": "proxy-authorization",
    "proxy user": "proxy-authorization",
    "basic client": "authorization",
}
PLACES |= {name: name for name in ("authorization", "query", "cookie", "path")}
PLACES |= dict.fromkeys(("form", "json", "refresh token", "client secret"), "body")
NOBODY = {"proxy password", "proxy user", "form", "no token"}


@pytest.mark.parametrize("place", KEYS)
def test_it_is_recorded_with_its_host_its_source_and_whose_job_it_was(tried: Any, place: str) -> None:
    gateway = tried[0]
    (body,) = [
        body for body in refusals(gateway) if any(key["last4"] == KEYS[place][-4:] for key in body["static_keys"])
    ]

    (key,) = body["static_keys"]
    assert set(key) == {"vendor", "digest", "last4", "place"}
    assert key["place"] == PLACES[place]
    assert body["host"] == "localhost"
    assert body["peer"].startswith("127.0.0.1:")
    assert body.get("who", {}).get("workload", "") == ("" if place in NOBODY else "nightly")
    sent = {"authorization": len(PROMPT[-1]), "header": len(PROMPT[-1])}
    assert body.get("size", 0) > 0 if place in TOKEN_ENDPOINT else body.get("size", 0) == sent.get(place, 0)


def test_the_report_names_every_one(tried: Any) -> None:
    gateway = tried[0]
    done = gateway.weighlock("report", "credentials", "--json", "--fail")
    rows = json.loads(done.stdout)

    assert done.returncode == 1
    assert {row["last4"] for row in rows} == {key[-4:] for key in KEYS.values()}
    assert {row["requests"] for row in rows} == {1}
    assert {row["source"] for row in rows if not row["workload"]} == {"127.0.0.1"}
    assert sum(not row["workload"] for row in rows) == len(NOBODY)


def test_its_text_is_nowhere(tried: Any) -> None:
    gateway, curl, _ = tried
    shown = gateway.weighlock("report", "credentials").stdout + gateway.weighlock("ledger", "show").stdout

    assert found(gateway.folder, KEYS.values()) == []
    for key in KEYS.values():
        assert key not in gateway.output
        assert key not in curl.output
        assert key not in shown


def test_its_text_is_not_sealed_either(tried: Any, tmp_path: Path) -> None:
    gateway = tried[0]
    (tmp_path / "opened").mkdir()
    identities = seal.identities((gateway.state / "auditor.key").read_text())
    opened = b""
    with Reader(gateway.state / NAME) as reader:
        for said in map(entry.parse, reader.entries()):
            for name, ref in said.payloads.items():
                ciphertext, wrapped = reader.payload(said.seq, name)
                opened += seal.open_sealed(ref, ciphertext, wrapped, identities) + b"\n\n"
    (tmp_path / "opened" / "payloads").write_bytes(opened)

    assert found(tmp_path / "opened", KEYS.values()) == []
    assert b"GET /v1/models?alt=sse&key=[google " in opened
    assert b"x-portkey-api-key: [anthropic " in opened
    assert b"grant_type: client_credentials\nclient_id: app\nsubject_token: [openai " in opened
    assert opened.count(b"POST") >= len(TOKEN_ENDPOINT)


@pytest.mark.parametrize("http2", [False, True])
def test_a_token_endpoint_is_closed_to_everybody(gateway: Gateway, host: ModelHost, http2: bool) -> None:
    seen = len(host.received)
    with client(gateway, http2=http2) as http:
        for method, path in (("POST", "/v1/oauth/token"), ("GET", "/oauth/token/"), ("POST", "/v1/%6Fauth%2Ftoken")):
            response = http.request(method, f"https://localhost:{host.port}{path}", content=b"{}")
            assert (response.status_code, response.json()["error"]["code"]) == (403, "token-endpoint")

    assert bytes(host.received[seen:]) == b""


def test_ordinary_traffic_of_an_sdk_passes(gateway: Gateway) -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-request-id": "80f1" * 8}
    with sdk(gateway) as openai:
        answer = openai.chat.completions.create(**chat("hi"), extra_headers=headers, extra_query={"api-version": "1"})

    assert answer.choices[0].message.content
