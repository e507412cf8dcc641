"""Clients through the gateway, as pipelines are."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

import httpx
import openai

from demo.gateway import ROOT, Gateway

ENDPOINT = "https://weighlock.internal/token"
RULES_ALONE = {"weighlock_ner": "none"}
"""Options of a gateway without the models, which take seconds to load."""
FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


class _Http2(ssl.SSLContext):
    """Offers h2 alone. httpx offers HTTP/1.1 first, also where it is told not to, and mitmproxy takes the first."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(["h2"])


def client(gateway: Gateway, token: str | None = None, *, http2: bool = False, **given: Any) -> httpx.Client:
    """*token* as in HTTPS_PROXY; None is a good one, empty is none."""
    return httpx.Client(**settings(gateway, token, http2=http2), **given)


def settings(gateway: Gateway, token: str | None = None, *, http2: bool = False) -> dict[str, Any]:
    """What a client or an async client of httpx is made with."""
    token = gateway.token() if token is None else token
    trust = (_Http2 if http2 else ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(gateway.ca)
    return {"proxy": gateway.proxy(token), "verify": trust, "timeout": 30, "trust_env": False, "http2": http2}


def sdk(gateway: Gateway, token: str | None = None, **given: Any) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=gateway.url, api_key="weighlock", http_client=client(gateway, token, **given), max_retries=0
    )


def chat(text: str, **given: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": [{"role": "user", "content": text}]} | given


def ask(gateway: Gateway, text: str, token: str | None = None, **given: Any) -> httpx.Response:
    """One chat completion, whole."""
    with client(gateway, token) as http:
        return http.post(f"{gateway.url}/chat/completions", json=chat(text, **given))


def exchange(gateway: Gateway, token: str, url: str = ENDPOINT, **given: Any) -> httpx.Response:
    with client(gateway, "") as http:
        return http.post(url, data=FORM | {"subject_token": token} | given)


def handle(gateway: Gateway, **claims: Any) -> str:
    answer = exchange(gateway, gateway.token(**claims))
    assert answer.status_code == 200, answer.text
    held: str = answer.json()["access_token"]
    return held


def recorded(gateway: Gateway, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The entries of this kind, newest first, once there are *count*.

    An SDK is through with a stream when it has read the last event, and what it read is recorded after that.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        shown = gateway.weighlock("ledger", "show", "--kind", kind, "--limit", "1000", "--json")
        assert shown.returncode == 0, shown.stderr
        entries: list[dict[str, Any]] = json.loads(shown.stdout)
        if len(entries) >= count:
            return entries
    raise TimeoutError(f"{len(entries)} entries of {kind}, not {count}")


def until_refused(gateway: Gateway, token: str) -> tuple[float, str]:
    """Ask again and again: when the last request was let through (monotonic), and the code of the first refusal."""
    last = 0.0
    while True:
        try:
            answer = ask(gateway, "hello", token)
        except httpx.RemoteProtocolError:
            continue  # it was under way just then, and was broken off
        if answer.status_code != 200:
            return last, answer.json()["error"]["code"]
        last = time.monotonic()


ASK = """
import os, {library}
question = {{"model": "demo", "messages": [{{"role": "user", "content": "How do canal locks work?"}}]}}
key = {{"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}}
print({library}.post(os.environ["URL"] + "/chat/completions", json=question, headers=key, timeout=30).text)
"""
CLIENTS = {
    "curl": ["sh", "curl.sh"],
    "requests": [sys.executable, "-c", ASK.format(library="requests")],
    "httpx": [sys.executable, "-c", ASK.format(library="httpx")],
    "openai": [sys.executable, "openai_sdk.py"],
    "anthropic": [sys.executable, "anthropic_sdk.py"],
    "node": ["node", "node.mjs"],
}


def ran(gateway: Gateway, name: str, token: str, key: str = "weighlock") -> subprocess.CompletedProcess[str]:
    """One of CLIENTS asks how canal locks work, as a process of its own."""
    env = {
        "PATH": os.environ["PATH"],
        "HTTPS_PROXY": gateway.proxy(token),
        "SSL_CERT_FILE": str(gateway.ca),
        "REQUESTS_CA_BUNDLE": str(gateway.ca),
        "NODE_EXTRA_CA_CERTS": str(gateway.ca),
        "OPENAI_API_KEY": key,
        "OPENAI_BASE_URL": gateway.url,
        "ANTHROPIC_API_KEY": key,
        "ANTHROPIC_BASE_URL": gateway.url.removesuffix("/v1"),
        "GATEWAY": f"127.0.0.1:{gateway.port}",
        "TOKEN": token,
        "CA": str(gateway.ca),
        "URL": gateway.url,
    }
    return subprocess.run(
        CLIENTS[name], env=env, cwd=ROOT / "examples", capture_output=True, text=True, timeout=60, check=False
    )


def run(gateway: Gateway, name: str, token: str, key: str = "weighlock") -> str:
    """All that a pipeline's owner sees of it. *token* is in HTTPS_PROXY, and *key* where an SDK wants an API key."""
    done = ran(gateway, name, token, key)
    return done.stdout + done.stderr
