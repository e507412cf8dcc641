"""Findings become rewrites, and rewrites a masked text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighlock.errors import Forbidden
from weighlock.masking.operators import Operators
from weighlock.model import Finding, OperatorSpec, Text


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`text[start:end]`, in code points, becomes *new*. Those of one text are sorted and do not overlap."""

    start: int
    end: int
    new: str = field(repr=False)


def rewrites(
    text: Text, findings: Iterable[Finding], operators: Mapping[str, OperatorSpec], run: Operators
) -> tuple[Rewrite, ...]:
    """What *operators*, by entity, make of the findings in *text*. Forbidden where it cannot be rewritten in place."""
    found = sorted(
        (finding for finding in findings if finding.pointer == text.pointer and finding.entity in operators),
        key=lambda finding: finding.start,
    )
    if found and not text.role.rewritable:
        raise Forbidden(
            "not-maskable",
            f"A {found[0].entity} stands in a {text.role}, where it cannot be masked.",
            next_step="Send it in the body's text, or not at all.",
        )
    return tuple(
        Rewrite(
            finding.start,
            finding.end,
            run.run(_spec(operators, finding), finding.entity, text.value[finding.start : finding.end]),
        )
        for finding in found
    )


def _spec(operators: Mapping[str, OperatorSpec], finding: Finding) -> OperatorSpec:
    """Of a value that stands otherwise than it was read, as one turned round, no last characters are kept."""
    spec = operators[finding.entity]
    if spec.name == "mask" and finding.view != "raw":
        return replace(spec, params={**spec.params, "keep_last": 0})
    return spec


def apply(value: str, changes: Sequence[Rewrite]) -> str:
    """*value* rewritten."""
    parts: list[str] = []
    position = 0
    for change in changes:
        parts += (value[position : change.start], change.new)
        position = change.end
    return "".join((*parts, value[position:]))
