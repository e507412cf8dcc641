"""A gateway's cores without the gateway: the shipped rules and policy over what a client sends and a model says."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from builders import a_call, a_destination, a_principal
from weighlock import dialects
from weighlock.adapters import rulebook
from weighlock.adapters.anonymizer import Anonymizer
from weighlock.adapters.inspector.engine import Engine
from weighlock.dialects.base import RequestView
from weighlock.dialects.dialect import FRAMINGS, SSE
from weighlock.masking.apply import Rewrite, apply, rewrites
from weighlock.masking.operators import OPERATORS
from weighlock.masking.stream import StreamMasker
from weighlock.model import Direction, Finding, Role, Text
from weighlock.policy.decide import alone

CARD, ADDRESS, IBAN = "4111 1111 1111 1111", "maria.lopez@example.com", "DE89 3704 0044 0532 0130 00"
SSN, TELEPHONE = "219-09-9999", "+1 202-555-0143"
VALUES = {"card": CARD, "address": ADDRESS, "iban": IBAN, "ssn": SSN, "telephone": TELEPHONE}
"""Of public examples: nobody's."""


@functools.cache
def rules() -> rulebook.Rules:
    return rulebook.compiled(rulebook.read(rulebook.shipped()), OPERATORS)


@functools.cache
def engine() -> Engine:
    made = Engine(bytes(32), "none")
    made.use(rules().detect.rules)
    return made


def findings(*texts: Text) -> list[Finding]:
    return engine().inspect(texts)


def changes(
    texts: Sequence[Text], direction: Direction = Direction.RESPONSE, session: str = "run"
) -> Mapping[str, Sequence[Rewrite]]:
    """By pointer, as the shipped policy says."""
    found = findings(*texts)
    operator = partial(alone, rules().policy, a_principal(), a_call("x"), direction=direction)
    run = Anonymizer(bytes(32), session)
    every = {text.pointer: rewrites(text, found, operator, run) for text in texts}
    return {pointer: changed for pointer, changed in every.items() if changed}


def masked(value: str, direction: Direction = Direction.RESPONSE, session: str = "run") -> str:
    text = Text("/x", Role.CONTENT, value)
    return apply(value, changes([text], direction, session).get("/x", ()))


def sent(body: Any, path: str = "/v1/chat/completions") -> Any:
    """What of *body* reaches the model host."""
    view = RequestView("POST", path, (), (), "application/json", json.dumps(body).encode())
    _, operation = dialects.choose(view, a_destination())
    _, said = operation.read(view)
    assert said.body is not None
    texts = {text.pointer: text.value for text in said.texts}
    new = {at: apply(texts[at], changed) for at, changed in changes(said.texts, Direction.REQUEST).items()}
    return json.loads(said.body.rewrite(new).dumps())


def event(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(chunk, ensure_ascii=False).encode()


END = event({}, "stop") + b"data: [DONE]\n\n"


def a_masker() -> StreamMasker:
    return StreamMasker(FRAMINGS[SSE](), dialects.named("openai").named("chat.completions").streams[SSE](), 1 << 20)


def streamed(*parts: bytes) -> bytes:
    """What a client gets of a stream of a chat that comes in these *parts*."""
    masker = a_masker()
    out = [b"".join(masker.release(changes(masker.feed(part)))) for part in parts]
    return b"".join([*out, *masker.release(changes(masker.finish()))])


def deltas(data: bytes) -> list[dict[str, Any]]:
    """Of a stream that ended as it should."""
    *events, end, rest = data.decode().split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    return [json.loads(one.removeprefix("data: "))["choices"][0]["delta"] for one in events]


def said(data: bytes, member: str = "content") -> str:
    return "".join(delta.get(member) or "" for delta in deltas(data))
