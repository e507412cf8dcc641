"""What others' users reported about requests and policies, each as a test: its name is the report's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import a_destination
from field_reports.rig import ADDRESS, CARD, IBAN, TELEPHONE, masked, sent
from weighlock import dialects
from weighlock.dialects.base import RequestView
from weighlock.errors import ConfigError, Forbidden
from weighlock.masking.operators import OPERATORS
from weighlock.model import Direction
from weighlock.policy import schema
from weighlock.rulefile import parse

ARGUMENTS = json.dumps({"to": CARD, "copies": 2})
POSITIONS: dict[str, Any] = {
    "system": [{"role": "system", "content": CARD}],
    "developer": [{"role": "developer", "content": CARD}],
    "user": [{"role": "user", "content": CARD}],
    "a part of the user's": [{"role": "user", "content": [{"type": "text", "text": CARD}]}],
    "an earlier user's": [{"role": "user", "content": CARD}, {"role": "user", "content": "And now?"}],
    "assistant": [{"role": "assistant", "content": CARD}],
    "refusal": [{"role": "assistant", "content": None, "refusal": CARD}],
    "tool result": [{"role": "tool", "tool_call_id": "call_1", "content": CARD}],
    "a part of a tool result": [
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": CARD}]}
    ],
    "arguments": [
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": ARGUMENTS}}],
        }
    ],
}
ELSEWHERE: dict[str, Any] = {
    "description of a tool": {"tools": [{"type": "function", "function": {"name": "pay", "description": CARD}}]},
    "schema of a tool": {
        "tools": [
            {
                "type": "function",
                "function": {"name": "pay", "parameters": {"properties": {"to": {"description": CARD}}}},
            }
        ]
    },
    "metadata": {"metadata": {"note": CARD}},
    "stop": {"stop": [CARD]},
    "a member that nobody knows": {"x_extension": {"deep": [CARD]}},
}


@pytest.mark.parametrize("messages", POSITIONS.values(), ids=POSITIONS)
def test_litellm_41265_14612_30723_places_that_are_never_scanned(messages: list[Any]) -> None:
    out = json.dumps(sent({"model": "m", "messages": messages}))

    assert CARD not in out
    assert "***************1111" in out


@pytest.mark.parametrize("members", ELSEWHERE.values(), ids=ELSEWHERE)
def test_litellm_41265_places_beside_the_messages(members: dict[str, Any]) -> None:
    out = json.dumps(sent({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}))

    assert CARD not in out
    assert "***************1111" in out


def test_litellm_31950_arguments_in_a_request_are_no_json_any_more() -> None:
    out = sent({"model": "m", "messages": POSITIONS["arguments"]})

    arguments = out["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "***************1111", "copies": 2}


def test_litellm_31959_41600_the_same_value_gets_another_placeholder() -> None:
    turn = {"role": "user", "content": f"Write to {ADDRESS}."}
    other = {"role": "user", "content": "Write to casey.jones@example.com."}
    first, second, third = sent({"model": "m", "messages": [turn, turn, other]})["messages"]
    later = sent({"model": "m", "messages": [turn, other, turn]})["messages"]

    assert first == second == later[0] == later[2]
    assert third == later[1] != first
    assert first["content"].startswith("Write to <EMAIL_ADDRESS_")


def test_litellm_6247_what_is_masked_is_not_what_was_found() -> None:
    values = f"Mike. When you pay {IBAN}, ring {TELEPHONE} or write to {ADDRESS}; the card is {CARD}."
    out = masked(values, Direction.REQUEST)

    assert out.startswith("Mike. When you pay ")
    for kept in (", ring ", " or write to ", "; the card is "):
        assert out.count(kept) == 1
    for value in (IBAN, TELEPHONE, ADDRESS, CARD):
        assert value not in out


@pytest.mark.parametrize("path", ["/v1/passthrough", "/v1/chat/completions/", "/v2/answers", "/"])
def test_litellm_42476_a_route_that_nobody_knows_bypasses_the_checks(path: str) -> None:
    body = {"anything": [{"deep": CARD}], "model": "m"}
    view = RequestView("POST", path, (), (), "application/json", json.dumps(body).encode())

    with pytest.raises(Forbidden, match="no call that destination is listed for"):
        dialects.choose(view, a_destination(dialects=("openai",)))
    assert sent(body, path)["anything"] == [{"deep": "***************1111"}]


CALLERS = [
    {"metadata": {"guardrails": [], "disable_global_guardrails": "true"}},
    {"guardrails": []},
    {"guardrails": {"mask": False}, "no-log": True},
    {"extra_body": {"guardrails": []}},
]


@pytest.mark.parametrize("members", CALLERS, ids=[", ".join(members) for members in CALLERS])
def test_litellm_33944_a_caller_switches_the_checks_off(members: dict[str, Any]) -> None:
    out = sent({"model": "m", "messages": [{"role": "user", "content": CARD}], **members})

    assert out["messages"][0]["content"] == "***************1111"


UNENFORCEABLE = {
    "an operator that there is not": ("effect: mask, findings: {tags: [pii]}, operator: sanitize", "sanitize"),
    "a mask without an operator": ("effect: mask, findings: {tags: [pii]}", "needs"),
    "a mask that waits for a stream's end": (
        "effect: mask, findings: {tags: [pii], count: 3}, operator: redact",
        "streamed",
    ),
    "a hold that nobody can lift": ("effect: hold", "approvers"),
    "a direction that there is not": ("effect: block, direction: answer", "answer"),
    "a word that means nothing": ("effect: block, fail_closed: true", "fail_closed"),
}


@pytest.mark.parametrize(("statement", "told"), UNENFORCEABLE.values(), ids=UNENFORCEABLE)
def test_agentgateway_2956_langwatch_430_what_cannot_be_enforced_is_accepted_and_ignored(
    statement: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        policy(statement)
    assert policy("effect: mask, findings: {tags: [pii]}, operator: redact").statements


def policy(statement: str) -> schema.Policy:
    return schema.parse([parse(f"statements: [{{id: own, {statement}}}]", "own.yaml")], OPERATORS, "digest")
