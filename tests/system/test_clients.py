"""Clients as pipelines run them, with tokens of a real OpenID provider: what each is told, and what stays here."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients import CLIENTS, RULES_ALONE, chat, client, run
from demo.gateway import CREDENTIAL, ROOT, Gateway, write_rules
from demo.model_host import ModelHost
from oidc import OidcProvider
from rawclient import RawClient, Reply, request
from weighlock.identity.carriers import CREDENTIALS

STATIC_KEY = "sk-proj-" + "7aB3cD9eF1gH5iJ2kL8mN4oP6qR0sT7u" * 2
ANSWER = "You said: How do canal locks work?"


class Host(ModelHost):
    """Speaks Anthropic's dialect, too."""

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not head.startswith(b"POST /v1/messages "):
            await super().answer(head, body, writer)
            return
        said = json.loads(body)["messages"][-1]["content"]
        message = {"id": "msg_demo", "type": "message", "role": "assistant", "model": "demo", "stop_reason": "end_turn"}
        message |= {"content": [{"type": "text", "text": f"You said: {said}"}]}
        text = json.dumps(message | {"usage": {"input_tokens": 1, "output_tokens": 1}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text))
        writer.write(text)


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"), gap=0.001)
    yield host
    host.stop()


Make = Callable[..., Gateway]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider, host: Host) -> Make:
    """A gateway that believes the provider, not started. *destinations* are more lines of destinations.yaml."""

    def made(destinations: str = "", **given: Any) -> Gateway:
        folder = tmp_path_factory.mktemp("gateway")
        rules = folder / "rules"
        write_rules(rules, provider, host)  # type: ignore[arg-type]
        issuer = {"url": provider.url, "jwks": provider.jwks_url, "audience": "weighlock", "types": ["at+jwt"]}
        (rules / "identity" / "issuers.yaml").write_text(json.dumps({"issuers": [issuer]}))
        with (rules / "destinations.yaml").open("a") as file:
            file.write(destinations)
        return Gateway(folder, provider, host, **{"options": RULES_ALONE} | given)  # type: ignore[arg-type]

    return made


@pytest.fixture(scope="module")
def gateway(make: Make) -> Iterator[Gateway]:
    with make() as gateway:
        yield gateway


@pytest.fixture
def token(provider: OidcProvider) -> str:
    return provider.token(project_id="7")


# -- what each client is told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_with_a_good_token_in_its_proxy_gets_its_answer(gateway: Gateway, name: str, token: str) -> None:
    assert ANSWER in run(gateway, name, token)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("bad", ["expired", "a static key"])
def test_a_client_without_one_is_told_why_and_what_to_do(
    gateway: Gateway, host: Host, provider: OidcProvider, name: str, bad: str
) -> None:
    asked = host.requests
    said = run(gateway, name, provider.old_token(60, project_id="7") if bad == "expired" else STATIC_KEY)

    reason, step = {
        "expired": ("The token has expired.", "Fetch a new one for each job."),
        "a static key": ("A static openai key is not an identity", "send the pipeline's OIDC token instead"),
    }[bad]
    assert reason in said
    assert step in said
    assert STATIC_KEY not in said
    assert host.requests == asked


@pytest.mark.parametrize("name", ["requests", "httpx", "openai", "anthropic"])
def test_a_static_key_where_an_sdk_wants_one_is_refused_beside_a_good_token(
    gateway: Gateway, host: Host, name: str, token: str
) -> None:
    asked = host.requests

    assert "A static openai key is not an identity" in run(gateway, name, token, key=STATIC_KEY)
    assert host.requests == asked


def test_a_token_that_expires_in_an_open_tunnel_ends_there(gateway: Gateway, provider: OidcProvider) -> None:
    """Leeway is 30 seconds, so this one is good for two more."""
    short = provider.old_token(28, project_id="7")
    again = request(gateway).replace(b"Connection: close\r\n", b"")
    with RawClient(gateway) as raw:
        raw.tunnel(token=short)

        def ask() -> Reply:
            raw.send(again)
            return raw.read()

        assert ask().status == 200
        while (reply := ask()).status == 200:
            pass

    assert reply.status == 401
    assert reply.json()["error"]["code"] == "token-expired"


# -- what stays here ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("carrier", sorted(CREDENTIALS))
def test_no_credential_of_a_client_reaches_the_model_host(
    gateway: Gateway, host: Host, token: str, carrier: str, http2: bool
) -> None:
    value = {"cookie": "session=planted-cookie"}.get(carrier, token)
    value = f"Bearer {token}" if "authorization" in carrier else value
    seen = len(host.received)
    with client(gateway, token, http2=http2) as http:
        answer = http.post(f"{gateway.url}/chat/completions", json=chat("hello"), headers={carrier: value})
    arrived = bytes(host.received[seen:])

    assert (answer.status_code, answer.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
    assert token.encode() not in arrived
    assert b"planted" not in arrived
    fields = {line.partition(b":")[0].strip().lower().decode() for line in arrived.split(b"\r\n")}
    assert fields & CREDENTIALS == {"authorization"}
    assert f"Bearer {CREDENTIAL}".encode() in arrived


def test_nothing_leaves_of_plain_http_though_its_destination_is_listed(make: Make, token: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.setblocking(False)
        port = plain.getsockname()[1]
        with make(f"  - {{name: plain, host: localhost, port: {port}, dialects: [generic]}}\n") as gateway:
            with RawClient(gateway) as raw:
                head = f"POST http://localhost:{port}/v1/chat/completions HTTP/1.1"
                credential = f"Proxy-Authorization: Bearer {token}\r\n".encode()
                raw.send(request(gateway, start=head, host=f"localhost:{port}", extra=credential))
                assert raw.read_all().json()["title"] == "tunnel-required"
            with RawClient(gateway) as raw:
                assert raw.connect(f"localhost:{port}", token).status == 200
                raw.send(request(gateway, start="POST /v1/chat/completions HTTP/1.1", host=f"localhost:{port}"))
                assert raw.read_all().json()["title"] == "tls-required"
        with pytest.raises(BlockingIOError):
            plain.accept()


def test_nothing_leaves_of_a_websocket_where_the_api_has_none(gateway: Gateway, host: Host, token: str) -> None:
    connections = host.connections
    upgrade = b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    with RawClient(gateway) as raw:
        head = request(gateway, b"", start="GET /v1/models HTTP/1.1", extra=upgrade)
        raw.tunnel(token=token).send(head.replace(b"Connection: close", b"Connection: Upgrade"))
        assert raw.read().json()["title"] == "dialect-unknown"

    assert host.connections == connections


def test_nothing_leaves_of_a_flow_that_mitmproxy_replays(make: Make, host: Host) -> None:
    connections = host.connections
    script = Path(__file__).parent / "replaying_gateway.py"
    env = {"REPLAY": f"https://localhost:{host.port}/v1/chat/completions", "PYTHONPATH": str(ROOT / "addons")}
    with make(script=script, env=env) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), 10):
            gateway.wait_said("REPLAYED ")
        said = gateway.output.partition("REPLAYED ")[2]

    assert json.loads(said.splitlines()[0])["title"] == "replayed"
    assert "planted" not in gateway.output
    assert host.connections == connections
