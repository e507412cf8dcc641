"""Originals in replies: only for those whom policy names, and only what their own session sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from clients import RULES_ALONE, ask, chat, recorded, sdk
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

POLICY = """
statements:
  - id: support-sees-originals
    effect: restore
    direction: response
    principals: {groups: [support]}
    findings: {tags: [contact]}
"""
ADDRESS = "maria.lopez@example.com"
ASKED = f"Please write to {ADDRESS} at once, and then tell me what you have written to her. Thank you very much."


@pytest.fixture(scope="module", params=["memory", "sealed"])
def gateway(
    tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(folder, issuer, host, options=RULES_ALONE | {"weighlock_vault": request.param})
    (gateway.rules / "policy" / "restore.yaml").write_text(POLICY)
    with gateway:
        yield gateway


@pytest.mark.parametrize("stream", [False, True])
def test_those_who_may_see_originals_do_and_the_model_host_does_not(
    gateway: Gateway, host: ModelHost, stream: bool
) -> None:
    before = len(recorded(gateway, "response", 0))
    seen = len(host.received)
    said = answer(gateway, gateway.token(groups=["ci", "support"]), stream)

    assert said == f"You said: {ASKED}"
    assert ADDRESS.encode() not in host.received[seen:]
    done = recorded(gateway, "response", before + 1)
    assert done[0]["body"]["restored"] == {"EMAIL_ADDRESS": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_others_see_pseudonyms(gateway: Gateway, stream: bool) -> None:
    said = answer(gateway, gateway.token(), stream)

    assert re.fullmatch(r"You said: Please write to <EMAIL_ADDRESS_\w{8}> at once.*", said)


def test_another_sessions_pseudonym_stays(gateway: Gateway) -> None:
    first = gateway.token(groups=["ci", "support"])
    masked = answer(gateway, gateway.token(), False).split()[5]
    ask(gateway, ASKED, first)

    assert masked in ask(gateway, f"Who is {masked}?", first).text


def test_a_vault_on_disk_shows_nothing(gateway: Gateway) -> None:
    answer(gateway, gateway.token(groups=["ci", "support"]), False)

    assert not [path for path in gateway.state.rglob("*") if path.is_file() and ADDRESS.encode() in path.read_bytes()]


def answer(gateway: Gateway, token: str, stream: bool) -> str:
    if not stream:
        said: str = ask(gateway, ASKED, token).json()["choices"][0]["message"]["content"]
        return said
    with sdk(gateway, token) as openai:
        chunks = openai.chat.completions.create(**chat(ASKED), stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
