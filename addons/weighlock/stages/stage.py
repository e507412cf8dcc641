"""What a stage is, and the parts that all of them work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from mitmproxy import http

from weighlock.adapters.anchoring import Anchoring
from weighlock.adapters.approvals import Desk
from weighlock.adapters.counters import Counters
from weighlock.adapters.credentials.cache import Credentials
from weighlock.adapters.cutoffs import CutoffWatch
from weighlock.adapters.early import EarlyRelease
from weighlock.adapters.erasure import Eraser
from weighlock.adapters.events import Receiver
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.keys import Keys
from weighlock.adapters.ledgersegments import Segments
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.metrics import Metrics
from weighlock.adapters.rulewatch import Rulebook
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.ledger import Ledger
from weighlock.adapters.vaults import Vaults
from weighlock.destination import Destination
from weighlock.errors import Unavailable
from weighlock.masking.operators import Operators
from weighlock.model import Exchange, Principal, Verdict
from weighlock.settings import Settings


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A CONNECT that was let in. *authorization* is its Proxy-Authorization, judged again for every request in it."""

    destination: Destination
    authorization: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """What `assembly` joined."""

    settings: Settings
    clock: Callable[[], float]
    keys: Keys
    ledger: Ledger
    anchoring: Anchoring | None
    """None where there are no anchors."""
    rulebook: Rulebook
    cutoffs: CutoffWatch
    material: MaterialWatch
    sessions: Sessions
    identifier: Identifier
    credentials: Credentials
    pool: Pool
    early: EarlyRelease
    metrics: Metrics
    eraser: Eraser
    segments: Segments
    counters: Counters
    desk: Desk
    receiver: Receiver
    operators: Callable[[Principal, Verdict], Operators]
    """Masking operators for the session of a principal; equal values get equal pseudonyms within it. What is held has
    those of its workload instead: the same request is then the same bytes in every run, and finds its approval.
    """
    vaults: Vaults
    tunnels: dict[str, Tunnel]
    """By the id of the client's connection."""

    def require_anchors(self) -> None:
        """Raises Unavailable where the record has to be kept outside this host, and is late with it."""
        if self.anchoring:
            self.anchoring.require()

    def elapsed(self, exchange: Exchange) -> Callable[[], int]:
        """Tells the milliseconds since *exchange* began, by the clock that dates its entries."""
        return lambda: round((self.clock() - exchange.started_at) * 1000)


def filled[T](value: T | None) -> T:
    """A field that an earlier stage has filled; it can only be empty where the chain is out of order."""
    if value is None:
        raise Unavailable("stage-order", "A stage ran before the one that it builds on.")
    return value


class Stage(ABC):
    """One stage: it looks at the exchange and returns the value of the one field that it fills, or raises Refused."""

    fills: ClassVar[str]
    kind: ClassVar[type]
    """Of what it returns; anything else is a failure."""
    at: ClassVar[Literal["requestheaders", "request"]] = "request"

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @property
    def limit(self) -> float:
        """Seconds after which the stage counts as failed."""
        return 5.0

    @abstractmethod
    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Any:
        """The field's value, of this stage's kind. Never changes *exchange* or *flow*."""
