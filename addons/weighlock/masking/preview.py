"""The prompt for an approver's eyes: every finding replaced by its entity, whatever policy does with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weighlock.holds import Mark, Shown
from weighlock.masking.apply import Rewrite, apply
from weighlock.model import Finding, Role, Text


def preview(texts: Iterable[Text], findings: Sequence[Finding]) -> tuple[Shown, ...]:
    """All that somebody wrote, and whatever else something was found in."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.pointer, []).append(finding)
    return tuple(
        _shown(text, sorted(found.get(text.pointer, ()), key=lambda finding: finding.start))
        for text in texts
        if text.role is Role.CONTENT or text.pointer in found
    )


def _shown(text: Text, findings: Sequence[Finding]) -> Shown:
    rewrites = [Rewrite(finding.start, finding.end, f"<{finding.entity}>") for finding in findings]
    marks, moved = [], 0
    for finding, rewrite in zip(findings, rewrites, strict=True):
        start = rewrite.start + moved
        marks.append(Mark(start, start + len(rewrite.new), finding.entity))
        moved += len(rewrite.new) - (rewrite.end - rewrite.start)
    return Shown(text.pointer, text.role.value, apply(text.value, rewrites), tuple(marks))
