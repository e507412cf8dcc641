"""A policy of 500 statements: how long a verdict takes, beside asking every statement, in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from unittest import mock

from figures import Figure, Goal, figure

from builders import a_call, a_finding, a_principal
from weighlock.masking.operators import OPERATORS
from weighlock.model import Call, Direction, Finding, Principal
from weighlock.policy import decide as deciding
from weighlock.policy import schema
from weighlock.policy.decide import decide
from weighlock.policy.statements import Policy
from weighlock.rulefile import parse

RUNS = 5
STATEMENTS, DECISIONS = 500, 4000
"""DECISIONS in each run."""
GOAL = Goal(200, least=False)
type Asked = tuple[Principal, Call, tuple[Finding, ...], Direction]

WORKLOADS = [f"pipeline-{n}" for n in range(60)]
GROUPS = [f"team-{n}" for n in range(12)]
MODELS = [f"model-{n}" for n in range(20)]
ENTITIES = [f"ENTITY_{n}" for n in range(80)]
TAGS = [f"tag-{n}" for n in range(20)]
CONDITIONS = ("call.size > 100000", "findings.count > 20", "principal.owner == 'nobody'")


def policy(chance: random.Random) -> Policy:
    """Who may call what, what each workload must not send, and what nobody must; a tenth of it with a condition."""
    lines = ["  - {id: all-may-call, effect: allow}"]
    for number in range(STATEMENTS - 1):
        members = [f"id: s{number}", *_about(chance), *_does(chance)]
        if chance.random() < 0.1:
            members.append(f"when: '{chance.choice(CONDITIONS).replace(chr(39), chr(39) * 2)}'")
        lines.append(f"  - {{{', '.join(members)}}}")
    text = "\n".join(["statements:", *lines, "uncovered: {effect: allow}"])
    return schema.parse([parse(text, "policy/bench.yaml")], OPERATORS, "bench")


def _about(chance: random.Random) -> list[str]:
    named = [f"workloads: {_some(chance, WORKLOADS)}", f"groups: {_some(chance, GROUPS, 1)}", ""]
    (who,) = chance.choices(named, (6, 3, 1))
    what = chance.choice((f"models: {_some(chance, MODELS, 1)}", "min_size: 1000", ""))
    found = chance.choice((f"entities: {_some(chance, ENTITIES)}", f"tags: {_some(chance, TAGS, 1)}"))
    parts = [f"principals: {{{who}}}" if who else "", f"calls: {{{what}}}" if what else "", f"findings: {{{found}}}"]
    return [part for part in parts if part]


def _does(chance: random.Random) -> list[str]:
    effect = chance.choice(
        (
            "effect: mask, operator: redact",
            "effect: block, direction: request",
            "effect: hold, direction: request, approvers: {groups: [security]}",
            "effect: allow",
        )
    )
    return [f"{effect}, direction: request" if "direction" not in effect else effect]


def _some(chance: random.Random, names: Sequence[str], most: int = 3) -> str:
    return f"[{', '.join(chance.sample(names, chance.randint(1, most)))}]"


def calls(chance: random.Random) -> list[Asked]:
    """Of all pipelines, with up to ten findings of up to three entities, each of which has two tags."""
    tags = {entity: frozenset(chance.sample(TAGS, 2)) for entity in ENTITIES}
    made = []
    for _ in range(DECISIONS):
        kinds = chance.sample(ENTITIES, chance.randint(1, 3))
        found = [chance.choice(kinds) for _ in range(chance.choice((0, 1, 2, 5, 10)))]
        findings = [a_finding(kind, start=n, end=n + 1, tags=tags[kind]) for n, kind in enumerate(found)]
        principal = a_principal(workload=chance.choice(WORKLOADS), groups=frozenset(chance.sample(GROUPS, 2)))
        call = a_call(model=chance.choice(MODELS), size=chance.randint(100, 200_000))
        made.append((principal, call, tuple(findings), Direction.REQUEST))
    return made


def p99(held: Policy, asked: Sequence[Asked]) -> float:
    """Of processor time, in microseconds."""
    taken = []
    for principal, call, findings, direction in asked:
        began = time.thread_time()
        decide(held, principal, call, findings, direction)
        taken.append(time.thread_time() - began)
    return sorted(taken)[len(taken) * 99 // 100] * 1e6


def verdicts(progress: Callable[[str], None]) -> list[Figure]:
    chance = random.Random(6)
    held, asked = policy(chance), calls(chance)
    every = mock.patch.object(deciding, "_asked", lambda policy, *_: policy.statements)
    ours, plain = [], []
    for turn in range(RUNS):
        progress(f"{STATEMENTS} statements, round {turn + 1} of {RUNS}")
        ours.append(p99(held, asked))
        with every:
            plain.append(p99(held, asked))
    return [figure(f"a verdict of {STATEMENTS} statements, p99, beside all of them asked", "µs", ours, plain, GOAL)]


def run(progress: Callable[[str], None]) -> list[Figure]:
    return verdicts(progress)
