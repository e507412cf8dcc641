from __future__ import annotations

from typing import Any

import pytest

from builders import a_finding
from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.policy import schema
from weighlock.policy.cases import Case, failure, parse
from weighlock.policy.lint import Caller, World

WORLD = World(
    [Caller("https://i", "nightly", "dana", {"event": "schedule"}, frozenset(), frozenset())],
    [("openai", "openai", "chat.completions"), ("local", "ollama", "chat")],
    [
        a_finding("EMAIL_ADDRESS", rule="email"),
        a_finding("PERSON", rule=""),
        a_finding("PERSON", rule="person-by-field"),
        a_finding("CARD", rule="card"),
        a_finding("CARD", rule="card-by-name"),
        a_finding("DOCUMENT", rule="", tags=frozenset({"proprietary"})),
    ],
)
POLICY = """
uncovered: {effect: hold, approvers: {groups: [x]}}
statements:
  - {id: all, effect: allow}
  - id: nights
    effect: hold
    direction: request
    principals: {workloads: [nightly], issuers: ['https://i'], owners: [dana], claims: {event: [schedule]}, groups: [n]}
    approvers: {groups: [x]}
  - id: tool
    effect: block
    calls: {tools: [sh], destinations: [local], dialects: [ollama], operations: [chat], models: [m], stream: true,
            min_size: 7, max_size: 7}
  - {id: mine, effect: block, findings: {labels: [payments], level: critical}}
  - {id: hidden, effect: mask, encoded: block, findings: {entities: [EMAIL_ADDRESS]}, operator: hash}
  - {id: people, effect: mask, findings: {entities: [PERSON]}, operator: redact}
  - {id: many, effect: block, findings: {entities: [PERSON], count: 3}}
  - {id: slow, effect: block, calls: {models: [much]}, over: {of: workload, within: 24h, distinct: {pii: 3}, bytes: 9}}
  - {id: later, effect: block, mode: shadow, findings: {tags: [new]}}
"""


def a_case(text: str) -> Case:
    return parse([rulefile.parse(f"cases: [{{name: a, {text}}}]", "p.cases.yaml")], WORLD)[0]


def wrong(text: str) -> str:
    return failure(a_case(text), schema.parse([rulefile.parse(POLICY, "p.yaml")], OPERATORS, "d"))


@pytest.mark.parametrize(
    "text",
    [
        "expect: {action: allow, because: [all], operators: {}}",
        "principal: {workload: nightly, groups: [n]}, expect: {action: hold, because: [nights]}",
        "principal: {workload: nightly, groups: [night], claims: {event: push}}, expect: {action: allow}",
        "principal: {workload: nightly, groups: [night], owner: kim}, expect: {action: allow}",
        "principal: {workload: nightly, groups: [n]}, direction: response, expect: {action: allow}",
        (
            "call: {destination: local, dialect: ollama, operation: chat, model: m, stream: true, "
            "size: 7, tools: [sh]}, expect: {action: block, because: [tool]}"
        ),
        (
            "findings: [email, PERSON], expect: {action: mask, because: [hidden, people], "
            "operators: {PERSON: redact, EMAIL_ADDRESS: hash}}"
        ),
        "findings: [{rule: email, view: decoded}], expect: {action: block, because: [hidden]}",
        "findings: [{entity: PERSON, count: 3}], expect: {action: block, because: [many]}",
        "findings: [{entity: PERSON, count: 2}, card], expect: {action: hold, because: [uncovered]}",
        "findings: [{entity: DOCUMENT, label: payments, level: critical}], expect: {action: block, because: [mine]}",
        "findings: [{entity: DOCUMENT, label: payments, level: low}], expect: {action: hold}",
        "findings: [{entity: NEW, tags: [new]}], expect: {action: hold, would: block}",
        "call: {model: much, size: 9}, expect: {action: allow}",
        "call: {model: much, size: 10}, expect: {action: block, because: [slow]}",
        "call: {model: much, size: 10}, direction: response, expect: {action: allow}",
        "call: {model: much}, counts: [{of: workload, within: 1d, bytes: 10}], expect: {action: block}",
        "call: {model: much}, counts: [{of: session, within: 24h, bytes: 10}], expect: {action: allow}",
        "call: {model: much}, counts: [{of: workload, within: 24h, distinct: {pii: 4}}], expect: {action: block}",
        "call: {model: much}, findings: [{entity: PERSON, count: 2}, email, email], expect: {action: block}",
    ],
)
def test_a_case_says_who_asks_what_with_which_findings(text: str) -> None:
    assert wrong(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expect: {action: block}", "action allow, not block (because all)"),
        ("expect: {action: allow, because: [other]}", "because all, not other (because all)"),
        (
            "findings: [PERSON], expect: {action: allow, operators: {PERSON: hash}}",
            "action mask, not allow; operators PERSON: redact, not PERSON: hash (because people)",
        ),
        ("expect: {action: allow, would: hold}", "would none, not hold (because all)"),
    ],
)
def test_a_case_that_fails_says_what_the_policy_says_instead(text: str, said: str) -> None:
    assert wrong(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expect: {}", "'action' is missing"),
        ("expect: {action: alow}", "did you mean 'allow'"),
        ("expects: {action: allow}", "did you mean 'expect'"),
        ("principal: {workload: nightl}, expect: {action: allow}", "did you mean 'nightly'"),
        ("call: {operation: chat.completion}, expect: {action: allow}", "did you mean 'chat.completions'"),
        ("findings: [emial], expect: {action: allow}", "did you mean 'email'"),
        ("findings: [CARD], expect: {action: allow}", "several rules find CARD: name one, of card, card-by-name"),
        ("counts: [{of: workload, within: 24h, byte: 9}], expect: {action: allow}", "did you mean 'bytes'"),
        ("counts: [{of: workload, within: 24h, distinct: {EMIAL: 9}}], expect: {action: allow}", "found is 'EMIAL'"),
        ("findings: [{level: low}], expect: {action: allow}", "name either a `rule` or an `entity`"),
        ("findings: [{rule: email, entity: CARD}], expect: {action: allow}", "name either"),
    ],
)
def test_a_case_about_what_is_not_there_is_refused_with_the_nearest(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        a_case(text)

    assert said in caught.value.message
    assert caught.value.where.startswith("p.cases.yaml:1:")


def test_findings_of_a_case_are_different_ones() -> None:
    found: Any = a_case("findings: [{entity: PERSON, count: 3}, PERSON], expect: {action: allow}").findings

    assert len(set(found)) == len({finding.fingerprint for finding in found}) == 4
