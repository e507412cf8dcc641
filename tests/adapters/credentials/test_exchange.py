"""Against a real endpoint; and the providers' own SDKs ask it for the same."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.lib.credentials._workload import WorkloadIdentityCredentials
from openai.auth._workload import WorkloadIdentityAuth

from demo.model_host import certificates
from tokenhost import Asked, TokenHost
from weighlock.adapters.credentials import exchange
from weighlock.adapters.credentials.exchange import post
from weighlock.adapters.fetch import MAX_BYTES
from weighlock.destination import Credential
from weighlock.policy import federation
from weighlock.policy.credentials import Unusable
from weighlock.policy.federation import TOKEN_TYPES, TokenRequest

SUBJECT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnYXRld2F5In0.c2lnbmF0dXJl"


@pytest.fixture
def host() -> Iterator[TokenHost]:
    with TokenHost() as host:
        yield host


def asking(url: str) -> TokenRequest:
    return TokenRequest(url, (("content-type", "application/json"),), json.dumps({"assertion": SUBJECT}).encode())


def openai_credential(url: str, kind: str = "jwt") -> Credential:
    ids = (("identity_provider_id", "idp_1"), ("service_account_id", "svc_1"))
    return Credential("env", ("T",), 0, "openai", url, (("subject_token_type", TOKEN_TYPES[kind]), *ids))


def said(asked: Asked, *fields: str) -> tuple[str, Any, Mapping[str, str | None]]:
    """What the endpoint can tell the two apart by: path, members, and the header fields that mean something to it."""
    return (
        asked.path,
        asked.body,
        {name: asked.headers.get(name) for name in ("content-type", "authorization", *fields)},
    )


@pytest.mark.parametrize(("kind", "named"), [("jwt", "jwt"), ("id_token", "id")])
async def test_openais_sdk_asks_for_the_same(host: TokenHost, kind: str, named: Any) -> None:
    provider: Any = {"token_type": named, "get_token": lambda: SUBJECT}
    identity: Any = {"identity_provider_id": "idp_1", "service_account_id": "svc_1", "provider": provider}
    theirs = WorkloadIdentityAuth(workload_identity=identity, token_exchange_url=host.url).get_token()
    answer = await post(federation.request(openai_credential(host.url, kind), SUBJECT), None)

    assert said(host.asked[0]) == said(host.asked[1])
    assert (theirs, federation.granted(*answer).token) == (host.token(1), host.token(2))


@pytest.mark.parametrize("optional", [{}, {"service_account_id": "svac_1", "workspace_id": "wrkspc_1"}])
async def test_anthropics_sdk_asks_for_the_same(host: TokenHost, optional: dict[str, str]) -> None:
    ids = {"federation_rule_id": "fdrl_1", "organization_id": "0a1b"} | optional
    with WorkloadIdentityCredentials(identity_token_provider=lambda: SUBJECT, **ids) as theirs:  # type: ignore[arg-type]
        theirs.bind_base_url(host.base)
        token = theirs().token
    path = federation.PROVIDERS["anthropic"].endpoint.removeprefix("https://api.anthropic.com")
    credential = Credential("env", ("T",), 0, "anthropic", host.base + path, tuple(ids.items()))
    answer = await post(federation.request(credential, SUBJECT), None)

    assert said(host.asked[0], "anthropic-beta") == said(host.asked[1], "anthropic-beta")
    assert (token, federation.granted(*answer).token) == (host.token(1), host.token(2))


def test_anthropics_sdk_sends_the_same_along_with_a_federated_token(host: TokenHost) -> None:
    """The model host is the token host here: a second POST, which carries the token of the first."""
    theirs = WorkloadIdentityCredentials(
        identity_token_provider=lambda: SUBJECT, federation_rule_id="fdrl_1", organization_id="0a1b"
    )
    with theirs, anthropic.Anthropic(credentials=theirs, base_url=host.base, max_retries=0) as client:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}])
    ours = federation.call_headers(Credential("env", ("T",), 0, "anthropic", host.url))

    assert [asked.path for asked in host.asked] == ["/v1/oauth/token", "/v1/messages"]
    assert host.asked[1].headers["authorization"] == f"Bearer {host.token(1)}"
    assert {name: host.asked[1].headers[name] for name, _ in ours} == dict(ours)
    assert ours


async def test_no_proxy_is_used(host: TokenHost, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")

    assert (await post(asking(host.url), None))[0] == 200


async def test_no_redirect_is_followed(host: TokenHost) -> None:
    with TokenHost() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            host.answer, host.headers = (status, b""), {"location": elsewhere.url}
            assert (await post(asking(host.url), None))[0] == status
        assert elsewhere.asked == []


async def test_a_certificate_is_checked(tmp_path: Path) -> None:
    ca, leaf = certificates(tmp_path)
    other, _ = certificates(tmp_path / "other")
    with TokenHost(leaf) as host:
        assert (await post(asking(host.url), ca))[0] == 200
        for authorities in (None, other):
            with pytest.raises(Unusable, match="cannot be reached"):
                await post(asking(host.url), authorities)
        with pytest.raises(Unusable, match="cannot be reached"):
            await post(asking(host.url.replace("localhost", "127.0.0.2")), ca)
        assert len(host.asked) == 1


async def test_an_endpoint_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unusable, match="cannot be reached"):
            await post(asking(f"http://127.0.0.1:{taken.getsockname()[1]}/"), None)


async def test_an_endpoint_that_says_nothing_is_not_waited_for(
    host: TokenHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "TIMEOUT", 0.1)
    host.gate.clear()

    with pytest.raises(Unusable, match="cannot be reached"):
        await post(asking(host.url), None)


HEAD = b"HTTP/1.1 200 OK\r\n"
BAD = {
    "no HTTP": b"SSH-2.0-" + SUBJECT.encode() + b"\r\n",
    "nothing": b"",
    "a head cut short": HEAD + b"x: " + SUBJECT.encode(),
    "a malformed field": HEAD + SUBJECT.encode() + b"\r\n\r\n",
    "a body cut short": HEAD + b"content-length: 100\r\n\r\n{}",
    "a body too large": HEAD + b"content-length: %d\r\n\r\n" % (MAX_BYTES + 1) + b"x" * (MAX_BYTES + 1),
    "a body without end": HEAD + b"\r\n" + b"x" * (MAX_BYTES + 1),
    "a chunked body too large": HEAD
    + b"transfer-encoding: chunked\r\n\r\n"
    + b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 9
    + b"0\r\n\r\n",
    "a head too large": HEAD + b"x: " + b"y" * (MAX_BYTES + 1) + b"\r\n\r\n",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
}


@pytest.mark.parametrize("name", BAD)
async def test_an_endpoint_that_does_not_speak_http_is_told_and_nothing_of_it_is_logged(
    host: TokenHost,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "TIMEOUT", 1.0)  # at a malformed field, Tornado's client waits for it
    caplog.set_level(logging.DEBUG)
    host.raw = BAD[name]

    with pytest.raises(Unusable, match="cannot be reached"):
        await post(asking(host.url), None)

    assert SUBJECT not in caplog.text
    assert SUBJECT not in "".join(capfd.readouterr())


async def test_a_compressed_answer_is_no_token(host: TokenHost) -> None:
    host.headers = {"content-encoding": "gzip"}
    status, body = await post(asking(host.url), None)

    assert (status, host.asked[0].headers.get("accept-encoding")) == (200, None)
    assert body.startswith(b"{")  # as it came, and unpacked by nobody
