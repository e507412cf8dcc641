"""The nouns of approvals: on which terms a hold is lifted, who decided what, and what became of it.

Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

DECIDE, USE = 4 * 3600.0, 1800.0
"""For which a decision may be taken and an approval used, where no statement says it."""


class Way(StrEnum):
    """What a client hears while it is held."""

    WAIT = "wait"
    """Nothing, for a while; then a final refusal that says how to come back."""
    SOFT = "soft"
    """At once that it is to ask again: 429, which SDKs wait for by themselves."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """*need* different people, each in one of *groups*."""

    groups: frozenset[str]
    need: int = 1


type Quorum = tuple[Threshold, ...]
"""What one statement asks for: nobody is counted in two of its thresholds."""


@dataclass(frozen=True, slots=True)
class Terms:
    quorums: tuple[Quorum, ...]
    """Each must be met: one of every statement that holds."""
    within: float = DECIDE
    use_within: float = USE
    way: Way = Way.WAIT
    needs_reason: bool = False
    """Whether an approval needs one; a denial always does."""
    break_glass: frozenset[str] = frozenset()
    """Groups of which one member alone may lift the hold, in an emergency."""

    @property
    def groups(self) -> frozenset[str]:
        """Whose members have a say."""
        return frozenset(group for quorum in self.quorums for threshold in quorum for group in threshold.groups)

    @property
    def need(self) -> int:
        """The least number of people that can be enough."""
        return max((sum(threshold.need for threshold in quorum) for quorum in self.quorums), default=0)


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    CONSUMED = "consumed"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVOKED = "revoked"


OPEN = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})
"""States in which something can still come of it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said. *known* are the accounts and addresses by which the person is told from others."""

    who: str
    approve: bool
    reason: str = field(repr=False)
    """Free text of a person; it may quote the prompt."""
    at: float
    groups: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    break_glass: bool = False


class Kind(StrEnum):
    REQUEST = "request"
    """Exactly one request, by its digest."""
    GRANT = "grant"
    """Requests of a kind, for a while, whatever they say."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a grant; *used* counts what went out by it."""

    requests: int
    bytes: int
    seconds: float
    used_requests: int = 0
    used_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Approval:
    """A hold, or a grant, and what became of it."""

    id: str
    kind: Kind
    state: ApprovalState
    key: str
    """Requests of one key share one open approval: the same bytes, asked by the same people on the same terms."""
    binding: str
    """The digest of exactly what may be sent; empty for a grant."""
    exchange: str
    """The one that asked first."""
    workload: str
    owner: str
    subject: str
    persons: frozenset[str]
    """Ids of the people behind the request: none of them approves it."""
    names: frozenset[str]
    """Every other name of theirs, folded: nobody of that name approves it either."""
    destination: str
    host: str
    dialect: str
    operation: str
    model: str
    because: tuple[str, ...]
    reason: str
    """The statement's."""
    terms: Terms
    requested_at: float
    decide_by: float
    use_by: float | None = None
    """None until it is approved."""
    decisions: tuple[Decision, ...] = ()
    review: Decision | None = None
    """What somebody else said afterwards about a broken glass."""
    limits: Limits | None = None
    version: int = 0
    """Counts its moves."""

    @property
    def broken_glass(self) -> bool:
        return any(decision.break_glass for decision in self.decisions)

    @property
    def unreviewed(self) -> bool:
        """Whether its glass was broken, and nobody has said anything about it yet."""
        return self.broken_glass and self.review is None


@dataclass(frozen=True, slots=True)
class Mark:
    """`text[start:end]` stands for something that was found."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of the prompt for an approver's eyes: whatever was found in it is masked."""

    pointer: str
    role: str
    text: str = field(repr=False)
    marks: tuple[Mark, ...] = ()
