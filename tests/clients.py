"""Clients through the gateway, as pipelines are."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import openai

from demo.gateway import Gateway


def client(gateway: Gateway, token: str | None = None, **given: Any) -> httpx.Client:
    """*token* as in HTTPS_PROXY; None is a good one, empty is none."""
    token = gateway.token() if token is None else token
    trust = ssl.create_default_context(cafile=str(gateway.ca))
    return httpx.Client(proxy=gateway.proxy(token), verify=trust, timeout=30, trust_env=False, **given)


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
