"""Findings become rewrites, and rewrites a masked text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from weighlock.errors import Forbidden
from weighlock.masking.operators import Operators
from weighlock.masking.vault import Kept, without_place
from weighlock.model import Finding, OperatorSpec, Text


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`text[start:end]`, in code points, becomes *new*. Those of one text are sorted and do not overlap."""

    start: int
    end: int
    new: str = field(repr=False)


def rewrites(
    text: Text,
    findings: Iterable[Finding],
    operator: Callable[[Finding], OperatorSpec | None],
    run: Operators,
    keep: Callable[[Kept], object] | None = None,
) -> tuple[Rewrite, ...]:
    """What is made of those *findings* in *text* that have an *operator*. Forbidden where one cannot be rewritten.

    *keep* is told what stands behind each pseudonym.
    """
    own = sorted((finding for finding in findings if finding.pointer == text.pointer), key=lambda own: own.start)
    found = [(finding, spec) for finding in own if (spec := operator(finding))]
    if found and not text.role.rewritable:
        raise Forbidden(
            "not-maskable",
            f"A {found[0][0].entity} stands in a {text.role}, where it cannot be masked.",
            next_step="Send it in the body's text, or not at all.",
        )
    changes = []
    for finding, spec in found:
        value = text.value[finding.start : finding.end]
        new = run.run(_spec(spec, finding), finding.entity, value)
        changes.append(Rewrite(finding.start, finding.end, new))
        if keep and spec.name == "pseudonym":
            keep(Kept(new, value, without_place(finding)))
    return tuple(changes)


def _spec(spec: OperatorSpec, finding: Finding) -> OperatorSpec:
    """Of a value that stands otherwise than it was read, as one turned round, no last characters are kept."""
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
