"""Through the gateway to a real inference server: llama.cpp's, with a tiny model of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from clients import RULES_ALONE, sdk
from demo.gateway import Gateway
from llama import LlamaHost, spelled

CARD = "4111 1111 1111 1111"
SAID = f"Of course. The card on file is {CARD}, and it expires next year."
MASKED = SAID.replace(CARD, "***************1111")
LETTERS = "root ::= [a-z]{40}"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaHost]:
    host = LlamaHost(tmp_path_factory.mktemp("llama"))
    yield host
    host.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: Any, host: LlamaHost) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway"), issuer, host, options=RULES_ALONE) as gateway:
        yield gateway


@pytest.fixture
def through(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with sdk(gateway) as client:
        yield client


@pytest.fixture
def direct(host: LlamaHost) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{host.plain_url}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)
    ) as client:
        yield client


def asked(grammar: str, **given: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "What is on file?"}]
    return {"model": "tiny", "messages": messages, "temperature": 0, "extra_body": {"grammar": grammar}} | given


def streamed(client: openai.OpenAI, grammar: str) -> list[str]:
    chunks = client.chat.completions.create(**asked(grammar), stream=True)
    return [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]


def test_what_it_babbles_comes_through_as_it_is(through: openai.OpenAI, direct: openai.OpenAI) -> None:
    babble = streamed(direct, LETTERS)

    assert len("".join(babble)) == 40
    assert streamed(through, LETTERS) == babble


def test_what_it_should_not_say_is_masked_as_it_streams(through: openai.OpenAI, direct: openai.OpenAI) -> None:
    assert "".join(streamed(direct, spelled(SAID))) == SAID

    deltas = streamed(through, spelled(SAID))
    assert "".join(deltas) == MASKED
    assert len([delta for delta in deltas if delta]) > 30


def test_what_it_should_not_say_is_masked_in_a_document(through: openai.OpenAI) -> None:
    answer = through.chat.completions.create(**asked(spelled(SAID)))

    assert answer.choices[0].message.content == MASKED
    assert answer.usage
    assert answer.usage.completion_tokens >= len(SAID)


@pytest.mark.parametrize("stream", [False, True])
def test_the_tokens_beside_its_text_do_not_tell_it_either(through: openai.OpenAI, stream: bool) -> None:
    given = asked(spelled(SAID), logprobs=True, top_logprobs=2)
    if stream:
        choices = [chunk.choices[0] for chunk in through.chat.completions.create(**given, stream=True) if chunk.choices]
        text = "".join(choice.delta.content or "" for choice in choices)
    else:
        choices = list(through.chat.completions.create(**given).choices)
        text = choices[0].message.content or ""
    tokens = [one for choice in choices if choice.logprobs for one in choice.logprobs.content or ()]
    likely = "".join(token.token for token in tokens)

    assert text == MASKED
    assert likely.startswith("Of course. The card on file is")
    assert not {*"41"} & {*likely}
    assert not {52, 49} & {byte for token in tokens for byte in token.bytes or ()}


def test_what_it_is_asked_is_masked_before_it_reads_it(through: openai.OpenAI, host: LlamaHost) -> None:
    seen = len(host.received)
    through.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": f"My card is {CARD}."}], max_tokens=4
    )
    arrived = bytes(host.received[seen:])

    assert b"My card is ***************1111." in arrived
    assert CARD.encode() not in arrived
