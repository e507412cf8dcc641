"""Clients that are not written in Python through the gateway: OpenAI's SDK for Node, and curl."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from demo.gateway import ROOT, Gateway
from upstream import ADDRESS, MASKED, Upstream

HTTP = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
ASKED = {"model": "gpt-5.4", "messages": [{"role": "user", "content": f"What did {ADDRESS} want?"}]}


def run(command: list[str], **env: str) -> str:
    given = {"PATH": os.environ["PATH"]} | env
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(gateway: Gateway, body: dict[str, Any], *, http2: bool) -> tuple[str, str]:
    """The version of HTTP, and the body."""
    command = ["curl", "--silent", "--no-buffer", "--http2" if http2 else "--http1.1", "--cacert", str(gateway.ca)]
    command += ["--header", "content-type: application/json", "--data", json.dumps(body)]
    command += ["--write-out", "%{stderr}%{http_version}", f"{gateway.url}/chat/completions"]
    env = {"PATH": os.environ["PATH"], "HTTPS_PROXY": gateway.proxy(gateway.token())}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    return done.stderr, done.stdout


def check_nothing_left(host: Upstream, seen: int) -> None:
    arrived = bytes(host.received[seen:])
    assert b"What did <EMAIL_ADDRESS_" in arrived
    assert ADDRESS.encode() not in arrived


@HTTP
def test_node(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen = len(upstream.received)
    env = {"PROXY": speaker.proxy(speaker.token()), "CA": str(speaker.ca), "URL": speaker.url}
    env |= {"ASKED": json.dumps(ASKED)} | ({"HTTP2": "1"} if http2 else {})
    spoken, *answers = json.loads(run(["node", str(ROOT / "tests" / "idp" / "chat.mjs")], **env))

    assert (spoken, len(answers)) == (["h2" if http2 else "http/1.1"], 2)
    for answer in answers:
        said, refused = answer["choices"]
        assert said["message"]["content"] == refused["message"]["refusal"] == MASKED
        assert json.loads(said["message"]["tool_calls"][0]["function"]["arguments"])["note"] == MASKED
        assert said["finish_reason"] == "tool_calls"
    check_nothing_left(upstream, seen)


@HTTP
def test_curl(speaker: Gateway, upstream: Upstream, http2: bool) -> None:
    seen, version = len(upstream.received), "2" if http2 else "1.1"
    used, text = curl(speaker, ASKED, http2=http2)
    assert used == version
    assert json.loads(text)["choices"][0]["message"]["content"] == MASKED

    used, text = curl(speaker, ASKED | {"stream": True}, http2=http2)
    *events, end = [event.removeprefix("data: ") for event in text.removesuffix("\n\n").split("\n\n")]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    assert (used, end) == (version, "[DONE]")
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == MASKED
    check_nothing_left(upstream, seen)
