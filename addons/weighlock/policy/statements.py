"""What a policy is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from weighlock.holds import Terms
from weighlock.model import Action, Direction, Level, OperatorSpec
from weighlock.policy.condition import Condition
from weighlock.policy.counting import Over
from weighlock.policy.index import Index


class Mode(StrEnum):
    ENFORCE = "enforce"
    SHADOW = "shadow"
    """Judged, and recorded as what would have been; it decides nothing."""
    OFF = "off"
    """Checked like the others when it is loaded, and not judged."""


@dataclass(frozen=True, slots=True)
class PrincipalMatch:
    """Each set that is not empty must hold the principal's value; *groups*, one of its groups.

    *claims*: each named claim (or JSON pointer) must have one of its values, or be a list that holds one. Whoever has
    no such claim is not matched: to block by a claim, allow by it.
    """

    issuers: frozenset[str] = frozenset()
    workloads: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallMatch:
    """Each set that is not empty must hold the call's value. Sizes count bytes of the body as sent, both included."""

    destinations: frozenset[str] = frozenset()
    dialects: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    min_size: int = 0
    max_size: int | None = None
    stream: bool | None = None
    tools: frozenset[str] = frozenset()
    """One of these is among the call's; where nobody can tell, all but `allow` match."""


MATERIAL = ("fingerprint", "record", "canary")
"""Kinds of an installation's own material; a rule of such a finding is `KIND-LABEL`."""


@dataclass(frozen=True, slots=True)
class FindingMatch:
    """Findings of these entities or tags (any where both are empty), so bad and so sure at least; *count* of them.

    *labels* are those under which material was indexed; with them, nothing else is spoken of.
    """

    entities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    level: Level = Level.INFORMATIONAL
    score: float = 0.0
    count: int = 1
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Statement:
    id: str
    effect: Action
    directions: frozenset[Direction]
    principals: PrincipalMatch = field(default_factory=PrincipalMatch)
    calls: CallMatch = CallMatch()
    findings: FindingMatch | None = None
    operator: OperatorSpec | None = None
    restore: bool = False
    """Pseudonyms that the session itself sent become what they stand for again, in replies; that is all it does."""
    encoded: Action = Action.MASK
    """What is done where one of its findings was encoded: masked as the whole of what it was encoded in, or blocked."""
    terms: Terms | None = None
    """On which what it holds is lifted."""
    reason: str = ""
    when: Condition | None = None
    """Where it can be evaluated, it must hold; where not, the statement blocks."""
    over: Over | None = None
    """Where it was counted, its limit must be exceeded; where not, the statement blocks."""
    mode: Mode = Mode.ENFORCE
    severity: Level | None = None
    """How bad it is, for people and reports; it decides nothing. Nor do the next two."""
    owner: str = ""
    references: tuple[str, ...] = ()
    where: str = field(default="", compare=False)
    """File, line and column."""

    @property
    def counts(self) -> bool:
        """Whether one finding alone does not tell whether it matches."""
        many = self.findings is not None and self.findings.count > 1
        return many or self.over is not None or (self.when is not None and self.when.of_findings)


@dataclass(frozen=True, slots=True)
class Policy:
    statements: tuple[Statement, ...]
    uncovered: Action
    """For a finding that no statement speaks of."""
    uncovered_terms: Terms | None
    strictness: Mapping[str, int]
    """Operator → its rank; of two asked for one entity, the lower one runs. The lowest needs no parameter."""
    digest: str = field(default="")
    hears_replies: bool = True
    """Whether what a reply says in words, as `jane at example dot com`, is judged; else it passes, and is recorded."""
    index: Index = field(init=False, repr=False, compare=False)
    overs: tuple[Over, ...] = field(init=False, repr=False, compare=False)
    """Of the statements that are judged: what must be counted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index(self.statements))
        judged = (one.over for one in self.statements if one.mode is not Mode.OFF)
        object.__setattr__(self, "overs", tuple(over for over in judged if over is not None))
