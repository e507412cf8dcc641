from __future__ import annotations

import pytest

from weighlock.errors import ConfigError
from weighlock.rulefile import LIMIT, parse


def test_values_are_read_as_they_are_spelled() -> None:
    members = parse("{a: no, b: 1.10, c: [x, 2026-01-01], d: true, e: 7}", "f").mapping(required=["a"], optional="bcde")

    assert members["a"].text() == "no"
    assert members["b"].number(0, 2) == 1.1
    assert members["c"].strings() == ("x", "2026-01-01")
    assert members["d"].boolean() is True
    assert members["e"].integer(0, 9) == 7
    assert members["a"].read(len, "text") == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\na: 2", "f.yaml:2:1: 'a' stands here twice"),
        ("a: &x 1\nb: *x", "f.yaml:1:4: anchors, aliases and tags are not read here"),
        ("a: !!python/object:os.system x", "anchors, aliases and tags"),
        ("a: [1", "f.yaml:1:6: not YAML"),
        ("a: 1\n---\nb: 2", "another document"),
        ("", "f.yaml: empty"),
        ("- 1", "f.yaml:1:1: expected a mapping, found a list"),
        ("? [x]\n: 1", "a key must be text"),
        ("efect: x", "f.yaml:1:8: unknown key 'efect'; did you mean 'effect'?"),
        ("zzz: x", "known: a, effect"),
        ("{}", "f.yaml:1:1: 'effect' is missing"),
        ("{" * 5000, "not YAML"),
        ("x" * (LIMIT + 1), "larger than"),
    ],
)
def test_a_complaint_names_the_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, "f.yaml").mapping(required=["effect"], optional=["a"])

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        ("[a]", lambda node: node.text()),
        ("null", lambda node: node.text()),
        ("x", lambda node: node.sequence()),
        ("yes", lambda node: node.boolean()),
        ("1.5", lambda node: node.integer(0, 9)),
        ("10", lambda node: node.integer(0, 9)),
        ("1e5", lambda node: node.number(0, 9)),
        ("-1", lambda node: node.number(0, 9)),
        ("blok", lambda node: node.choice(["block", "allow"])),
        ("x", lambda node: node.read(int, "a number")),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(text: str, reader: object) -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml:1:1"):
        reader(parse(text, "f.yaml"))  # type: ignore[operator]
