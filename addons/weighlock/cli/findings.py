"""What a scan found, as rows and as marked text. No value is in a row unless it was asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import click

from weighlock.model import Finding, Level

COLUMNS = ("place", "span", "level", "score", "entity", "rule", "view", "value")
COLOURS = {
    Level.INFORMATIONAL: "cyan",
    Level.LOW: "blue",
    Level.MEDIUM: "yellow",
    Level.HIGH: "magenta",
    Level.CRITICAL: "red",
}
SHAPE = 40
"""Longest shape that is shown, in characters."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")


def rows(file: str, text: str, findings: Sequence[Finding], *, show: bool) -> list[dict[str, Any]]:
    """One for each of *findings* in *text*. *show* puts the value itself in; otherwise there is its shape."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def row(finding: Finding) -> dict[str, Any]:
        line = bisect_right(starts, finding.start)
        value = text[finding.start : finding.end]
        return {
            "file": file,
            "line": line,
            "column": finding.start - starts[line - 1] + 1,
            "start": finding.start,
            "end": finding.end,
            "level": finding.level.name.lower(),
            "score": round(finding.score, 2),
            "entity": finding.entity,
            "rule": finding.rule,
            "tags": sorted(finding.tags),
            "view": finding.view,
            **({"value": value} if show else {"shape": shape(value)}),
        }

    return [row(finding) for finding in findings]


def line(row: dict[str, Any]) -> dict[str, Any]:
    """*row* as a line of the table."""
    return row | {
        "place": visible(f"{row['file']}:{row['line']}:{row['column']}"),
        "span": f"{row['start']}-{row['end']}",
        "value": visible(row.get("value", row.get("shape", "")).replace("\n", "⏎")),
    }


def shape(value: str) -> str:
    """*value* with an x for every letter and digit: what it looks like, and nothing of what it says."""
    text = "".join(map(_shape, value[:SHAPE]))
    return text if len(value) <= SHAPE else text + "…"


def _shape(char: str) -> str:
    if char.isalnum():
        return "x"
    return " " if char.isspace() else char if char in "@.-/:+_()" else "·"


def marked(text: str, findings: Sequence[Finding]) -> str:
    """*text* itself with each finding in brackets and in the colour of its level, and what it is behind it."""
    return "".join(_pieces(text, findings))


def _pieces(text: str, findings: Sequence[Finding]) -> Iterator[str]:
    at = 0
    for finding in findings:
        yield visible(text[at : finding.start])
        colour = COLOURS[finding.level]
        yield click.style(f"[{visible(text[finding.start : finding.end])}]", fg=colour, bold=True)
        yield click.style(f"({finding.entity})", fg=colour)
        at = finding.end
    yield visible(text[at:])


def visible(text: str) -> str:
    """*text* with nothing in it that a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
