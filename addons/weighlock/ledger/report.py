"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass, field

LISTED = 100
"""Most problems that a report lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    seq: int
    """Of the entry, or for a checkpoint's problem, of the last entry that it covers."""
    step: int
    kind: str
    message: str


@dataclass(slots=True)
class Report:
    entries: int = 0
    checkpoints: int = 0
    signed: int = 0
    """Entries that the last good checkpoint covers; what follows could be rewritten unseen."""
    kept: int = 0
    """Checkpoints kept elsewhere that the log agrees with."""
    erased: int = 0
    """Entries whose payloads were erased, as later entries say."""
    removed: int = 0
    """Entries whose segments were removed, as a later entry says."""
    found: int = 0
    """Problems in all; `problems` lists the first."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.found == 0

    @property
    def first_bad(self) -> int | None:
        """The earliest entry that a problem names."""
        return min((problem.seq for problem in self.problems), default=None)

    def add(self, seq: int, step: int, kind: str, message: str) -> None:
        self.found += 1
        if len(self.problems) < LISTED:
            self.problems.append(Problem(seq, step, kind, message))

    def lead(self, seq: int, step: int, kind: str, message: str) -> None:
        """As `add`, ahead of all others: what they say follows from it."""
        self.found += 1
        self.problems = [Problem(seq, step, kind, message), *self.problems][:LISTED]
