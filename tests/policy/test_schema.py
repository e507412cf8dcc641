from __future__ import annotations

import pytest

from held import some_terms
from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.holds import Terms, Threshold, Way
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action, Direction, Level, OperatorSpec
from weighlock.policy import condition
from weighlock.policy.counting import DAY, Over, Scope
from weighlock.policy.schema import parse
from weighlock.policy.statements import CallMatch, FindingMatch, Mode, Policy, PrincipalMatch, Statement

GOOD = """\
statements:
  - id: one
    effect: allow
"""


def read(*texts: str) -> Policy:
    return parse((rulefile.parse(text, f"p{i}.yaml") for i, text in enumerate(texts)), OPERATORS, "digest")


def test_what_replies_say_in_words_is_judged_where_nothing_else_is_said() -> None:
    assert read(GOOD).hears_replies
    assert read(f"spoken_in_replies: judge\n{GOOD}").hears_replies
    assert not read(f"spoken_in_replies: pass\n{GOOD}", GOOD.replace("one", "two")).hears_replies
    with pytest.raises(ConfigError, match="another file"):
        read(f"spoken_in_replies: pass\n{GOOD}", f"spoken_in_replies: pass\n{GOOD.replace('one', 'two')}")
    with pytest.raises(ConfigError, match="judge"):
        read(f"spoken_in_replies: never\n{GOOD}")


def one(*lines: str) -> str:
    """A file of one statement, its members from line 2 on."""
    return "statements:\n  - id: one\n" + "".join(f"    {line}\n" for line in lines)


def test_all_that_can_be_said_is_read() -> None:
    text = """\
uncovered: {effect: hold, approvers: {groups: [leads]}}
statements:
  - id: a
    effect: hold
    direction: request
    principals: {issuers: [i], workloads: [w], owners: [o], groups: [g], claims: {event: [push], /run/id: ["7"]}}
    calls: {destinations: [d], dialects: [x], operations: [y], models: [m], min_size: 10, max_size: 20, stream: true,
            tools: [t]}
    findings: {entities: [US_SSN], tags: [pii], level: high, score: 0.5, count: 3, labels: [payments]}
    approvers: [{groups: [leads, legal], need: 2}, {groups: [privacy]}]
    within: 15m
    use_within: 5m
    held: soft
    needs_reason: true
    break_glass: [oncall]
    reason: Ask.
    when: call.size > 12
    over: {of: session, within: 7d, tokens: 9}
    mode: shadow
    severity: high
    owner: privacy@example.com
    references: ["https://wiki.example.com/7"]
  - {id: b, effect: mask, findings: {}, operator: {name: mask, keep_last: 2, char: "#"}}
"""

    policy = read(text)

    assert policy.statements[0] == Statement(
        id="a",
        effect=Action.HOLD,
        directions=frozenset({Direction.REQUEST}),
        principals=PrincipalMatch(
            *map(frozenset, "iwog"), claims={"event": frozenset({"push"}), "/run/id": frozenset({"7"})}
        ),
        calls=CallMatch(*map(frozenset, "dxym"), 10, 20, True, frozenset("t")),
        findings=FindingMatch(frozenset({"US_SSN"}), frozenset({"pii"}), Level.HIGH, 0.5, 3, frozenset({"payments"})),
        terms=Terms(
            ((Threshold(frozenset({"leads", "legal"}), 2), Threshold(frozenset({"privacy"}))),),
            within=900.0,
            use_within=300.0,
            way=Way.SOFT,
            needs_reason=True,
            break_glass=frozenset({"oncall"}),
        ),
        reason="Ask.",
        when=condition.read("call.size > 12"),
        over=Over(Scope.SESSION, 7 * DAY, {"tokens": 9}),
        mode=Mode.SHADOW,
        severity=Level.HIGH,
        owner="privacy@example.com",
        references=("https://wiki.example.com/7",),
    )
    assert policy.statements[1].operator == OperatorSpec("mask", {"keep_last": 2, "char": "#"})
    assert (policy.uncovered, policy.uncovered_terms) == (Action.HOLD, some_terms("leads"))
    assert policy.digest == "digest"


def test_what_is_left_out_is_strict() -> None:
    policy = read(GOOD)

    assert policy.statements == (Statement("one", Action.ALLOW, frozenset(Direction)),)
    assert (policy.uncovered, policy.uncovered_terms) == (Action.BLOCK, None)
    assert min(policy.strictness, key=lambda name: policy.strictness[name]) == "redact"


BROKEN: dict[str, tuple[str, str, str]] = {
    # name: text, place, words
    "empty": ("", "", "empty"),
    "only a comment": ("# nothing\n", "", "empty"),
    "null": ("null\n", ":1:1", "expected a mapping, found nothing"),
    "a list": ("- id: one\n", ":1:1", "expected a mapping, found a list"),
    "a text": ("allow\n", ":1:1", "expected a mapping, found text"),
    "no statements": ("uncovered: {effect: block}\n", ":1:1", "'statements' is missing"),
    "misspelt statements": ("statments: []\n", ":1:12", "did you mean 'statements'"),
    "statements a mapping": ("statements: {}\n", ":1:13", "expected a list, found a mapping"),
    "statements null": ("statements: null\n", ":1:13", "expected a list, found nothing"),
    "unclosed": ("statements: [\n", ":2:1", "not YAML"),
    "a tab": ("statements:\n\t- id: one\n", ":2:1", "not YAML"),
    "two documents": (GOOD + "---\n" + GOOD, ":4:1", "not YAML"),
    "a key twice": (one("effect: allow", "effect: block"), ":4:5", "twice"),
    "an anchor": (one("effect: &a allow"), ":3:13", "anchors"),
    "an alias": (one("effect: *a"), ":3:13", "anchors"),
    "a merge": (one("<<: {effect: allow}", "effect: block"), ":3:9", "unknown key '<<'"),
    "a tag": (one("effect: !!str allow"), ":3:13", "tags"),
    "a python tag": (one("effect: !!python/none x"), ":3:13", "tags"),
    "no effect": (one("reason: x"), ":2:5", "'effect' is missing"),
    "misspelt effect": (one("efect: allow"), ":3:12", "did you mean 'effect'"),
    "unknown effect": (one("effect: alow"), ":3:13", "did you mean 'allow'"),
    "effect in capitals": (one("effect: ALLOW"), ":3:13", "not known here"),
    "effect a list": (one("effect: [allow]"), ":3:13", "expected text, found a list"),
    "effect true": (one("effect: true"), ":3:13", "not known here"),
    "a foreign key": (one("effect: allow", "zzz: 1"), ":4:10", "known: approvers, break_glass, calls"),
    "an id with spaces": (GOOD.replace("one", "one two"), ":2:9", "lower-case"),
    "an id in capitals": (GOOD.replace("one", "One"), ":2:9", "lower-case"),
    "an id too long": (GOOD.replace("one", "o" * 65), ":2:9", "lower-case"),
    "an id twice": (GOOD + GOOD.partition("\n")[2], ":4:5", "'one' exists already"),
    "unknown direction": (one("effect: allow", "direction: requst"), ":4:16", "did you mean 'request'"),
    "misspelt principals": (one("effect: allow", "principal: {}"), ":4:16", "did you mean 'principals'"),
    "misspelt owners": (one("effect: allow", "principals: {owner: [a]}"), ":4:25", "did you mean 'owners'"),
    "principals null": (one("effect: allow", "principals: null"), ":4:17", "expected a mapping, found nothing"),
    "an empty list": (one("effect: allow", "principals: {owners: []}"), ":4:26", "empty list"),
    "a list that is text": (one("effect: allow", "principals: {owners: a}"), ":4:26", "expected a list"),
    "an empty text in a list": (one("effect: allow", "calls: {models: ['']}"), ":4:22", "not text"),
    "misspelt calls": (one("effect: allow", "calls: {model: [a]}"), ":4:20", "did you mean 'models'"),
    "a size of text": (one("effect: allow", "calls: {min_size: 10k}"), ":4:23", "a whole number"),
    "a size below none": (one("effect: allow", "calls: {min_size: -1}"), ":4:23", "not between"),
    "an entity in lower case": (one("effect: block", "findings: {entities: [email]}"), ":4:27", "EMAIL_ADDRESS"),
    "a tag in capitals": (one("effect: block", "findings: {tags: [PII]}"), ":4:23", "a tag"),
    "claims as a list": (one("effect: allow", "principals: {claims: [a]}"), ":4:26", "expected a mapping"),
    "a claim of one value": (one("effect: allow", "principals: {claims: {a: b}}"), ":4:30", "expected a list"),
    "a claim of no value": (one("effect: allow", "principals: {claims: {a: []}}"), ":4:30", "empty list"),
    "sizes that cross": (one("effect: allow", "calls: {min_size: 9, max_size: 8}"), ":4:36", "no call would match"),
    "a stream that may be": (one("effect: allow", "calls: {stream: maybe}"), ":4:21", "true or false"),
    "a label in capitals": (one("effect: block", "findings: {labels: [Payments]}"), ":4:25", "a label"),
    "a condition that is none": (one("effect: allow", "when: call.size >"), ":4:11", "not CEL"),
    "a condition of nothing known": (one("effect: allow", "when: request.size > 3"), ":4:11", "'request' is not known"),
    "a condition that a stream cannot know": (
        one("effect: mask", "findings: {}", "operator: redact", "when: findings.count > 3"),
        ":6:11",
        "streamed reply",
    ),
    "originals by what is found": (
        one("effect: restore", "direction: response", "findings: {}", "when: findings.count > 3"),
        ":6:11",
        "originals",
    ),
    "unknown mode": (one("effect: allow", "mode: shadwo"), ":4:11", "did you mean 'shadow'"),
    "unknown severity": (one("effect: allow", "severity: hihg"), ":4:15", "did you mean 'high'"),
    "a reference to nothing": (one("effect: allow", "references: [wiki]"), ":4:18", "an address of the web"),
    "unknown level": (one("effect: block", "findings: {level: hihg}"), ":4:23", "did you mean 'high'"),
    "a score above one": (one("effect: block", "findings: {score: 1.5}"), ":4:23", "not between 0 and 1"),
    "a score that is no number": (one("effect: block", "findings: {score: .nan}"), ":4:23", "a number"),
    "originals for a request": (one("effect: restore", "findings: {}", "direction: request"), ":2:5", "restore"),
    "originals of nothing": (one("effect: restore", "direction: response"), ":2:5", "restore"),
    "a count that a stream cannot know": (
        one("effect: mask", "findings: {count: 2}", "operator: redact"),
        ":4:15",
        "streamed reply",
    ),
    "an allow by much use": (
        one("effect: allow", "over: {of: workload, within: 24h, requests: 9}"),
        ":4:11",
        "mask, hold or block by it",
    ),
    "originals by much use": (
        one("effect: restore", "direction: response", "findings: {}", "over: {of: workload, within: 1h, bytes: 9}"),
        ":6:11",
        "mask, hold or block by it",
    ),
    "much use that a stream cannot know": (
        one("effect: mask", "findings: {}", "operator: redact", "over: {of: workload, within: 1h, tokens: 9}"),
        ":6:11",
        "leave `over` out",
    ),
    "much use of a misspelt measure": (
        one("effect: block", "over: {of: workload, within: 1h, token: 9}"),
        ":4:45",
        "did you mean 'tokens'",
    ),
    "a count of none": (one("effect: block", "findings: {count: 0}"), ":4:23", "not between"),
    "misspelt findings": (one("effect: block", "findings: {entity: [A]}"), ":4:24", "did you mean 'entities'"),
    "findings null": (one("effect: block", "findings: null"), ":4:15", "expected a mapping"),
    "mask without operator": (one("effect: mask", "findings: {}"), ":2:5", "needs `findings` and an `operator`"),
    "mask without findings": (one("effect: mask", "operator: hash"), ":2:5", "needs `findings`"),
    "an operator of block": (one("effect: block", "findings: {}", "operator: hash"), ":5:15", "only `mask`"),
    "block of encoded": (one("effect: block", "findings: {}", "encoded: block"), ":5:14", "only `mask` says"),
    "unknown operator": (one("effect: mask", "findings: {}", "operator: redct"), ":5:15", "did you mean 'redact'"),
    "unknown operator in full": (
        one("effect: mask", "findings: {}", "operator: {name: redct}"),
        ":5:22",
        "did you mean 'redact'",
    ),
    "operator without name": (
        one("effect: mask", "findings: {}", "operator: {keep_last: 4}"),
        ":5:15",
        "'name' is missing",
    ),
    "unknown parameter": (
        one("effect: mask", "findings: {}", "operator: {name: mask, keeplast: 4}"),
        ":5:38",
        "did you mean 'keep_last'",
    ),
    "parameter of another operator": (
        one("effect: mask", "findings: {}", "operator: {name: hash, keep_last: 4}"),
        ":5:39",
        "has no parameter 'keep_last'",
    ),
    "parameter out of bounds": (
        one("effect: mask", "findings: {}", "operator: {name: mask, keep_last: 65}"),
        ":5:39",
        "not between",
    ),
    "a mask of many characters": (
        one("effect: mask", "findings: {}", 'operator: {name: mask, char: "ab"}'),
        ":5:34",
        "one character",
    ),
    "hold without approvers": (one("effect: hold"), ":2:5", "needs `approvers`"),
    "approvers of allow": (one("effect: allow", "approvers: {groups: [a]}"), ":4:16", "only `hold`"),
    "a time of allow": (one("effect: allow", "within: 5m"), ":4:13", "only `hold`"),
    "approvers a list of names": (one("effect: hold", "approvers: [a]"), ":4:17", "expected a mapping, found"),
    "approvers an empty list": (one("effect: hold", "approvers: []"), ":4:16", "nobody"),
    "nobody needed": (one("effect: hold", "approvers: {groups: [a], need: 0}"), ":4:36", "between 1 and 9"),
    "held of a block": (one("effect: block", "held: soft"), ":4:11", "only `hold` takes `held`"),
    "held otherwise": (one("effect: hold", "approvers: {groups: [a]}", "held: hard"), ":5:11", "not known here"),
    "glass for nobody": (one("effect: hold", "approvers: {groups: [a]}", "break_glass: []"), ":5:18", "nobody"),
    "approvers without groups": (one("effect: hold", "approvers: {}"), ":4:16", "'groups' is missing"),
    "approvers nobody": (one("effect: hold", "approvers: {groups: []}"), ":4:25", "nobody"),
    "a bare number of time": (one("effect: hold", "approvers: {groups: [a]}", "within: 5"), ":5:13", "a duration"),
    "no time": (one("effect: hold", "approvers: {groups: [a]}", "within: 0s"), ":5:13", "a duration"),
    "uncovered a word": ("uncovered: block\n" + GOOD, ":1:12", "expected a mapping"),
    "uncovered masks": ("uncovered: {effect: mask}\n" + GOOD, ":1:21", "one of: allow, hold, block"),
    "uncovered held by nobody": ("uncovered: {effect: hold}\n" + GOOD, ":1:12", "needs `approvers`"),
    "uncovered approvers of block": (
        "uncovered: {effect: block, approvers: {groups: [a]}}\n" + GOOD,
        ":1:39",
        "only `hold` takes `approvers`",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_with_its_place_and_the_nearest_word(name: str) -> None:
    text, place, words = BROKEN[name]
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert caught.value.where == f"p0.yaml{place}"
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["uncovered", "no-allow"])
def test_the_names_that_the_gateway_itself_gives_as_reasons_are_not_free(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace("one", name))

    assert caught.value.where == "p0.yaml:2:9"


def test_a_file_nested_too_deeply_is_no_yaml() -> None:
    with pytest.raises(ConfigError, match="not YAML"):
        read("[" * 500)


def test_a_file_too_large_is_not_read() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        read("#" * (rulefile.LIMIT + 1))


def test_an_id_of_another_file_is_taken() -> None:
    with pytest.raises(ConfigError) as caught:
        read(GOOD, GOOD)

    assert caught.value.where == "p1.yaml:2:5"


def test_uncovered_is_set_in_one_file_only() -> None:
    text = "uncovered: {effect: allow}\nstatements: []\n"
    with pytest.raises(ConfigError, match="another file") as caught:
        read(GOOD, text, text)

    assert caught.value.where == "p2.yaml:1:12"


def test_a_policy_without_statements_is_none() -> None:
    for texts in ((), ("statements: []\n",)):
        with pytest.raises(ConfigError, match="nothing would ever be allowed"):
            read(*texts)
