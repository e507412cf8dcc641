"""The nouns. Frozen, and with plaintext kept out of every repr.

An `Exchange` is the dossier of one request and its response. It walks the chain, and each stage fills
exactly one field of it; the fields stand here in walking order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from weighlock.destination import Destination
from weighlock.holds import Approval, Terms

Headers = tuple[tuple[str, str], ...]
"""Header fields in order, names as they came. Compare names case-insensitively."""


class Action(IntEnum):
    """What happens to a call. Combining two actions is `max`: the strictest wins."""

    ALLOW = 0
    MASK = 1
    HOLD = 2
    BLOCK = 3


class Level(IntEnum):
    """How bad a finding is, in Sigma's words."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


LEVELS = {level.name.lower(): level for level in Level}
"""As people and rule files call them, the least first."""
ID, ENTITY = r"[a-z0-9][a-z0-9-]{0,63}", r"[A-Z][A-Z0-9_]{0,63}"
"""What rules, tags and statements are called, and what rules find; the whole name matches."""


class Direction(StrEnum):
    REQUEST = "request"
    RESPONSE = "response"


class Role(StrEnum):
    """What a text is in its document; detection and masking depend on it."""

    CONTENT = "content"
    """Language or data that somebody wrote: patterns and NER, rewritten in place."""
    PARAMETER = "parameter"
    """A word of the API (a model's name, an id): patterns only, rewritten in place."""
    KEY = "key"
    """A JSON member name: cannot be rewritten, so masking it means blocking."""
    NUMBER = "number"
    """A JSON number in its own spelling; when masked it becomes a string."""
    HEADER = "header"
    PATH = "path"
    QUERY = "query"

    @property
    def rewritable(self) -> bool:
        return self in (Role.CONTENT, Role.PARAMETER, Role.NUMBER)


@dataclass(frozen=True, slots=True)
class Token:
    """A credential as the client presented it."""

    carrier: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, as a verified token and the workload registry say. Times are Unix seconds."""

    issuer: str
    subject: str
    workload: str
    owner: str
    """The id of the person who answers for the workload."""
    groups: frozenset[str]
    claims: Mapping[str, Any] = field(repr=False)
    token_id: str
    """SHA-256 of the token's signing input, hex: one per token, whatever is done to its signature's spelling."""
    expires_at: float
    persons: frozenset[str] = frozenset()
    """Ids of all people behind it: the owner, and whose accounts the claims name."""
    session: str = ""
    """Id of the session whose handle was presented; empty for a token."""


@dataclass(frozen=True, slots=True)
class Text:
    """One inspected string. *pointer* is an RFC 6901 pointer into the body, or `header:NAME`, `path`, `query:NAME`."""

    pointer: str
    role: Role
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotInspected:
    """Something that no detector reads. *kind* is image, audio, video or file; *size* counts characters as sent."""

    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its dialect reads it."""

    dialect: str
    operation: str
    destination: str
    model: str
    stream: bool
    size: int
    """Of the body as sent, in bytes."""
    texts: tuple[Text, ...] = field(repr=False)
    not_inspected: tuple[NotInspected, ...] = ()
    tools: tuple[str, ...] | None = ()
    """Names of those that it offers or calls, sorted; None where nobody can tell."""
    body: Any = field(default=None, repr=False, compare=False)
    """What was read, which is rewritten and serialised anew; None where there is no body."""
    opening: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """What all requests of its conversation begin with; empty for what is no chat."""


SPOKEN = "spoken"
"""The view in which what is said in words is written out: `four one one one`, `jane at example dot com`."""
ENCODED = "decoded"
"""The view in which encoded text is opened. What was found there has no place of its own in the text: it is masked as
the whole run that it was encoded in.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something detected: `text[start:end]` of the text at *pointer*, counted in code points. Holds no plaintext.

    *fingerprint* is a keyed hash of the value: equal values have equal fingerprints within one gateway.
    """

    rule: str
    entity: str
    level: Level
    score: float
    pointer: str
    start: int
    end: int
    fingerprint: str
    tags: frozenset[str] = frozenset()
    view: str = "raw"
    """What showed it: the text itself, or one of detection/views."""


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """How an entity is rewritten: an operator's name and its parameters."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy says of one call. *because* lists the ids of the statements that decided: those of its action."""

    action: Action
    because: tuple[str, ...]
    operators: Mapping[str, OperatorSpec]
    policy: str
    """Digest of the policy that decided."""
    reason: str = ""
    terms: Terms | None = None
    """On which the hold is lifted; None for any other action."""
    matched: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    would: Action | None = None
    """Ids of all that matched; of those that only watch; what the action would be with those, where there are any."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What was counted when it was made, of all that the policy asks about: by window, by measure."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """What will be sent: serialised anew from what was inspected."""

    method: str
    path: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """What may leave: the digest of it, and the approval that allowed it where it was held."""

    binding: str
    approval: Approval | None = None


@dataclass(slots=True)
class Exchange:
    """The dossier. The chain alone assigns its fields, each once."""

    id: str
    started_at: float
    peer: str
    rules: Any = field(repr=False)
    """The snapshot of rules that this exchange began with, and keeps."""
    destination: Destination | None = None
    principal: Principal | None = None
    call: Call | None = None
    findings: tuple[Finding, ...] | None = None
    verdict: Verdict | None = None
    outbound: Outbound | None = field(default=None, repr=False)
    release: Release | None = None
    credential: Headers | None = field(default=None, repr=False)
    """The gateway's own, for the model host; empty where it needs none."""
    entry: int | None = None
    """Sequence number of the durable request entry; a request with none is not forwarded."""
    sent: bytes | None = field(default=None, repr=False)
    """The request as the client sent it, as message/http, credentials fingerprinted."""

    @property
    def approval(self) -> Approval | None:
        return self.release.approval if self.release else None
