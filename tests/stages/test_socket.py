from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from builders import Uncounted, a_call, a_destination, a_finding, a_principal
from held import some_terms
from ledgers import a_verdict
from weighlock.adapters.counters import Counters
from weighlock.adapters.stores.counters import CounterStore
from weighlock.dialects import openai
from weighlock.errors import Forbidden, TooLarge
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Exchange, Finding, OperatorSpec
from weighlock.policy.counting import DAY, Over, Scope
from weighlock.policy.statements import CallMatch, FindingMatch, Policy, Statement
from weighlock.stages import weigh
from weighlock.stages.passage import Passage
from weighlock.stages.socket import Socket


def a_socket(found: list[Finding], count: int, *more: Statement) -> Socket:
    async def inspect(texts: Any, rules: Any) -> tuple[Finding, ...]:
        return (found.pop(0),)

    allow = Statement("allow", Action.ALLOW, frozenset(Direction))
    mask = Statement(
        "mask",
        Action.MASK,
        frozenset({Direction.REQUEST}),
        findings=FindingMatch(count=count),
        operator=OperatorSpec("redact"),
    )
    strictness = {name: rank for rank, name in enumerate(OPERATORS)}
    policy = Policy((allow, mask, *more), Action.ALLOW, None, strictness, "d")
    parts: Any = SimpleNamespace(
        pool=SimpleNamespace(inspect=inspect),
        operators=lambda principal, verdict: None,
        settings=SimpleNamespace(body_limit=1000),
        counters=Uncounted(),
        require_anchors=lambda: None,
        elapsed=lambda exchange: lambda: 0,
    )
    rules = SimpleNamespace(policy=policy, detect=None)
    exchange = Exchange("e", 0.0, "peer", rules, a_destination(), a_principal(), a_call("x"))
    passage: Any = SimpleNamespace(exchange=exchange)
    return Socket(parts, passage, openai.DIALECT.named("realtime"))


async def test_what_would_be_masked_by_count_over_several_messages_is_blocked() -> None:
    socket = a_socket([a_finding(), a_finding()], count=2)

    assert (await socket._weigh((), 0))[1].action is Action.ALLOW
    with pytest.raises(Forbidden) as caught:
        await socket._weigh((), 0)
    assert "over several messages" in caught.value.reason


async def test_what_is_masked_by_itself_passes() -> None:
    socket = a_socket([a_finding(), a_finding()], count=1)

    for _ in range(2):
        assert (await socket._weigh((), 0))[1].action is Action.MASK


async def test_sizes_add_up_over_messages() -> None:
    dump = Statement("dump", Action.BLOCK, frozenset({Direction.REQUEST}), calls=CallMatch(min_size=20))
    socket = a_socket([a_finding(), a_finding()], 1, dump)

    socket._bounded(WebSocketMessage(Opcode.TEXT, True, b"x" * 12))
    assert (await socket._weigh((), 12))[1].action is Action.MASK
    socket._bounded(WebSocketMessage(Opcode.TEXT, True, b"x" * 8))
    with pytest.raises(Forbidden) as caught:
        await socket._weigh((), 8)
    assert caught.value.because == ("dump",)


# -- counting over messages --------------------------------------------------------------------------------------------

OVER = Over(Scope.WORKLOAD, DAY, {"requests": 3, "distinct EMAIL_ADDRESS": 2})


class Counted:
    """A socket whose texts are all addresses, in a policy that lets two different ones and three messages pass."""

    def __init__(self, folder: Path) -> None:
        self.counters = Counters(CounterStore.open(folder), lambda: 100.0 * DAY)
        self.recorded = self.sent = 0
        slow = Statement("slow", Action.HOLD, frozenset(Direction), terms=some_terms("x"), over=OVER)
        self.policy = Policy(
            (Statement("allow", Action.ALLOW, frozenset(Direction)), slow), Action.ALLOW, None, {}, "d"
        )
        self.socket, self.passage = self._opened()

    def _opened(self) -> tuple[Socket, Passage]:
        async def inspect(texts: Any, rules: Any) -> tuple[Finding, ...]:
            return tuple(
                a_finding(pointer=text.pointer, fingerprint=text.value) for text in texts if text.value.endswith("@x")
            )

        async def append(draft: Any) -> int:
            self.recorded += 1
            return self.recorded

        self.parts: Any = SimpleNamespace(
            pool=SimpleNamespace(inspect=inspect),
            operators=lambda principal, verdict: None,
            settings=SimpleNamespace(body_limit=10_000, inspect_timeout=1.0, ner="spacy"),
            counters=self.counters,
            require_anchors=lambda: None,
            ledger=SimpleNamespace(append=append),
            elapsed=lambda exchange: lambda: 0,
        )
        rules = SimpleNamespace(policy=self.policy, detect=None)
        exchange = Exchange(
            "e", 0.0, "peer", rules, a_destination(not_inspected=frozenset()), a_principal(), a_call("x")
        )
        exchange.verdict = a_verdict()
        passage = Passage(exchange, flow=None)  # type: ignore[arg-type]
        socket = Socket(self.parts, passage, openai.DIALECT.named("realtime"))
        passage.socket = socket
        return socket, passage

    async def say(self, text: str) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.take({"type": "conversation.item.create", "item": item}, from_client=True)

    async def hear(self, text: str) -> None:
        place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        await self.take({"type": "response.output_text.done", "text": text} | place, from_client=False)

    async def take(self, message: dict[str, Any], *, from_client: bool) -> None:
        content = json.dumps(message).encode()
        self.sent += len(content) if from_client else 0
        await self.socket.take(WebSocketMessage(Opcode.TEXT, from_client, content))

    @property
    def because(self) -> tuple[str, ...]:
        return self.passage.refused.because if self.passage.refused else ()

    async def bytes(self) -> int:
        over = Over(Scope.WORKLOAD, DAY, {"bytes": 0})
        policy = replace(self.policy, statements=(replace(self.policy.statements[0], over=over),))
        return (await self.counters.read(policy, a_principal()))[over.window]["bytes"]

    async def counts(self) -> Any:
        return (await self.counters.read(self.policy, a_principal()))[OVER.window]


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    return Counted(tmp_path)


async def test_messages_of_a_socket_add_up_and_the_one_that_is_too_much_does_not_leave(counted: Counted) -> None:
    for text in ("a@x", "b@x", "a@x"):
        await counted.say(text)
    assert (counted.because, counted.recorded) == ((), 3)
    await counted.say("c@x")

    assert (counted.because, counted.recorded) == (("slow",), 3)
    assert counted.passage.refused
    assert "3 distinct EMAIL_ADDRESS (limit 2)" in counted.passage.refused.reason
    assert await counted.counts() == {"requests": 3, "distinct EMAIL_ADDRESS": 2}


async def test_a_fourth_message_is_one_too_many(counted: Counted) -> None:
    for _ in range(4):
        await counted.say("hello")

    assert counted.because == ("slow",)
    assert await counted.counts() == {"requests": 3, "distinct EMAIL_ADDRESS": 0}


async def test_what_the_model_host_says_counts_too_but_is_no_request(counted: Counted) -> None:
    await counted.say("a@x")
    for text in ("a@x", "b@x", "hello", "hello"):
        await counted.hear(text)
    assert counted.because == ()
    await counted.hear("c@x")

    assert counted.because == ("slow",)
    assert await counted.counts() == {"requests": 1, "distinct EMAIL_ADDRESS": 2}


async def test_every_byte_counts_once_however_little_is_text(counted: Counted) -> None:
    await counted.say("a@x")
    for text in ("a@x", "hello"):
        await counted.hear(text)
    await counted.take({"type": "input_audio_buffer.committed", "item_id": "i"}, from_client=False)
    for _ in range(2):
        await weigh.count_rest(counted.parts, counted.passage)

    received = sum(size - 1 for _, size in counted.socket.received.pieces)
    assert await counted.bytes() == counted.sent + received
    await counted.hear("b@x")
    await counted.hear("c@x")
    assert counted.because == ("slow",)
    refused = await counted.bytes()
    await weigh.count_rest(counted.parts, counted.passage)
    assert await counted.bytes() == refused


async def test_findings_without_end_end_a_socket_before_judging_them_takes_long(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weigh, "FLOWING", 1)
    await counted.hear("a@x")
    assert counted.passage.refused is None
    await counted.hear("b@x")
    assert counted.passage.refused
    assert counted.passage.refused.code == "reply-findings"

    socket = a_socket([a_finding(), a_finding()], count=1)
    await socket._weigh((), 0)
    with pytest.raises(TooLarge, match="socket-findings"):
        await socket._weigh((), 0)


async def test_a_whole_reply_counts_as_it_came_and_once(counted: Counted) -> None:
    response = SimpleNamespace(raw_content=b"as it came")
    passage = Passage(counted.passage.exchange, flow=SimpleNamespace(response=response))  # type: ignore[arg-type]
    await weigh.weigh(counted.parts, passage, ())
    response.raw_content = b"as it is delivered"
    await weigh.count_rest(counted.parts, passage)

    assert await counted.bytes() == len("as it came")
