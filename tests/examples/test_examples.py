"""Each example runs as it stands, against the real gateway."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from demo.gateway import ROOT, Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

pytestmark = pytest.mark.slow
ANSWER = "You said: How do canal locks work?"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    issuer, host = DemoIssuer(), ModelHost(tmp_path_factory.mktemp("host"), gap=0.001)
    with Gateway(tmp_path_factory.mktemp("gateway"), issuer, host) as gateway:
        yield gateway
    host.stop()
    issuer.stop()


def run(gateway: Gateway, *command: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    token = gateway.token() if token is None else token
    env = {
        "PATH": os.environ["PATH"],
        "GATEWAY": f"127.0.0.1:{gateway.port}",
        "TOKEN": token,
        "CA": str(gateway.ca),
        "URL": gateway.url,
        "HTTPS_PROXY": gateway.proxy(token),
        "SSL_CERT_FILE": str(gateway.ca),
        "NODE_EXTRA_CA_CERTS": str(gateway.ca),
        "OPENAI_API_KEY": "weighlock",
        "OPENAI_BASE_URL": gateway.url,
        "ANTHROPIC_API_KEY": "weighlock",
        "ANTHROPIC_BASE_URL": gateway.url.removesuffix("/v1"),
    }
    return subprocess.run(
        command, env=env, cwd=ROOT / "examples", capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", [["sh", "curl.sh"], [sys.executable, "openai_sdk.py"], ["node", "node.mjs"]])
def test_an_example_gets_its_answer(gateway: Gateway, command: list[str]) -> None:
    done = run(gateway, *command)

    assert ANSWER in done.stdout, done.stderr


@pytest.mark.parametrize(
    "command",
    [["sh", "curl.sh"], [sys.executable, "openai_sdk.py"], [sys.executable, "anthropic_sdk.py"], ["node", "node.mjs"]],
)
def test_an_example_without_a_good_token_says_why(gateway: Gateway, command: list[str]) -> None:
    done = run(gateway, *command, token=gateway.token(project_id=8))

    assert ANSWER not in done.stdout
    assert "no registered workload" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_pipeline_example_is_yaml_and_asks_for_our_audience(name: str) -> None:
    text = Path(ROOT / "examples" / name).read_text()

    assert YAML(typ="safe").load(text)
    assert "weighlock" in text
