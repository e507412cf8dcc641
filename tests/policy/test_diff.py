from __future__ import annotations

from weighlock.policy.diff import Change, changes

OLD = """
uncovered: {effect: block}
statements:
  - {id: a, effect: allow, principals: {groups: [x, y]}}
  - {id: b, effect: mask, findings: {}, operator: {name: mask, keep_last: 4}}
"""


def test_what_is_said_alike_is_no_difference_wherever_it_stands() -> None:
    first, second = OLD.replace("[x, y]", "[y, x]").split("  - {id: b")
    split = {"policy/z.yaml": f"statements:\n  - {{id: b{second}", "policy/y.yaml": first}

    assert list(changes({"policy/a.yaml": OLD}, split)) == []


def test_what_is_done_with_spoken_words_is_told_besides() -> None:
    assert list(changes({"policy/a.yaml": OLD}, {"policy/a.yaml": f"spoken_in_replies: pass{OLD}"})) == [
        Change("spoken_in_replies", "is", "", "pass")
    ]


def test_what_changes_is_told_by_statement_and_member() -> None:
    new = """
statements:
  - {id: b, effect: mask, findings: {tags: [pii]}, operator: redact}
  - {id: c, effect: block, reason: Because.}
"""

    assert list(changes({"policy/a.yaml": OLD}, {"policy/a.yaml": new})) == [
        Change("a", "effect", "allow", ""),
        Change("a", "principals.groups", "x, y", ""),
        Change("b", "findings", "{}", ""),
        Change("b", "operator.name", "mask", ""),
        Change("b", "operator.keep_last", "4", ""),
        Change("b", "findings.tags", "", "pii"),
        Change("b", "operator", "", "redact"),
        Change("c", "effect", "", "block"),
        Change("c", "reason", "", "Because."),
        Change("uncovered", "effect", "block", ""),
    ]
