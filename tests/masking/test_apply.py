from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_finding, a_text
from weighlock.errors import Forbidden
from weighlock.masking.apply import Rewrite, apply, rewrites
from weighlock.model import Finding, OperatorSpec, Role

OPERATORS = {"EMAIL_ADDRESS": OperatorSpec("hash"), "US_SSN": OperatorSpec("mask", {"keep_last": 2})}


def asked(finding: Finding) -> OperatorSpec | None:
    return OPERATORS.get(finding.entity)


class Told:
    """Runs nothing; tells what it was asked."""

    def run(self, spec: OperatorSpec, entity: str, value: str) -> str:
        return f"[{spec.name} {entity} {value}]"


class Spec:
    """Tells how it was asked."""

    def run(self, spec: OperatorSpec, entity: str, value: str) -> str:
        return str(dict(spec.params))


def test_findings_become_rewrites_in_the_texts_order() -> None:
    text = a_text("mail a@b.c or 123")
    found = [a_finding("US_SSN", 14, 17), a_finding("EMAIL_ADDRESS", 5, 10)]

    assert rewrites(text, found, asked, Told()) == (
        Rewrite(5, 10, "[hash EMAIL_ADDRESS a@b.c]"),
        Rewrite(14, 17, "[mask US_SSN 123]"),
    )
    assert apply(text.value, rewrites(text, found, asked, Told())) == (
        "mail [hash EMAIL_ADDRESS a@b.c] or [mask US_SSN 123]"
    )


def test_of_a_value_that_stands_otherwise_than_it_was_read_nothing_is_kept() -> None:
    found = [a_finding("US_SSN", 0, 8, view="reversed")]
    spec = OperatorSpec("mask", {"keep_last": 2, "char": "#"})

    (made,) = rewrites(a_text("87654321"), found, lambda finding: spec, Spec())

    assert made.new == "{'keep_last': 0, 'char': '#'}"


def test_other_texts_and_entities_without_an_operator_stay() -> None:
    elsewhere = a_finding(pointer="/messages/1/content")

    assert rewrites(a_text("hello"), [elsewhere, a_finding("PERSON")], asked, Told()) == ()


@pytest.mark.parametrize("role", [role for role in Role if not role.rewritable])
def test_what_cannot_be_rewritten_in_place_is_refused(role: Role) -> None:
    with pytest.raises(Forbidden) as caught:
        rewrites(a_text("a@b.c", role=role), [a_finding()], asked, Told())

    assert caught.value.code == "not-maskable"
    assert "a@b.c" not in f"{caught.value} {caught.value.next_step}"
    assert rewrites(a_text("a@b.c", role=role), [a_finding("PERSON")], asked, Told()) == ()


@pytest.mark.parametrize("role", [Role.CONTENT, Role.PARAMETER, Role.NUMBER])
def test_what_can_be_rewritten_is(role: Role) -> None:
    assert len(rewrites(a_text("a@b.c", role=role), [a_finding()], asked, Told())) == 1


def test_offsets_count_code_points() -> None:
    assert apply("\U0001f600\u0301a@b.c!", [Rewrite(2, 7, "x")]) == "\U0001f600\u0301x!"


def test_a_new_value_does_not_stand_in_the_repr() -> None:
    assert "secret" not in repr(Rewrite(0, 1, "secret"))


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[tuple[str, str | None]]]:
    parts = draw(st.lists(st.tuples(st.text(max_size=5), st.none() | st.text(max_size=3))))
    return "".join(old for old, _ in parts), parts


@given(cut_texts())
def test_what_is_not_rewritten_stays_and_what_is_becomes_the_new_value(
    cut: tuple[str, list[tuple[str, str | None]]],
) -> None:
    value, parts = cut
    changes, position = [], 0
    for old, new in parts:
        if new is not None:
            changes.append(Rewrite(position, position + len(old), new))
        position += len(old)

    assert apply(value, changes) == "".join(old if new is None else new for old, new in parts)
