"""What a draft's statements would have counted, added up again from the record, in the order of its entries."""

from __future__ import annotations

from collections.abc import Sequence

from weighlock.ledger.entry import Entry, Kind
from weighlock.model import Finding, Principal
from weighlock.policy import tally
from weighlock.policy.counting import Counts, Scope
from weighlock.policy.statements import Policy
from weighlock.policy.tally import Amount, Tally

_TOKEN = 3
"""Bytes of a body that count as a token: its texts are not in the clear part, and the body is no shorter."""
_REPLY = "response.received"


class Recount:
    """For one *policy*. Tokens come out too high rather than too low, as whole bodies are counted."""

    def __init__(self, policy: Policy) -> None:
        self._asks = tally.asked(policy.overs)
        self._tallies: dict[tuple[Scope, str], Tally] = {}

    @property
    def reach(self) -> int:
        """Seconds before an exchange that still count."""
        return max((within for _, within in self._asks), default=0)

    def counts(self, principal: Principal, added: Amount, now: float) -> Counts:
        if not self._asks:
            return {}
        tallies = {scope: self._of(scope, principal) for scope, _ in self._asks}
        return tally.counts(self._asks, tallies, {scope: [added] for scope in tallies}, now)

    def add(self, principal: Principal, amount: Amount, now: float) -> None:
        """What passed."""
        for scope in {scope for scope, _ in self._asks}:
            self._of(scope, principal).add(amount, tally.names(self._asks, scope), now)

    def _of(self, scope: Scope, principal: Principal) -> Tally:
        return self._tallies.setdefault((scope, scope.key(principal)), Tally())


def added(said: Entry, size: int, findings: Sequence[Finding]) -> Amount:
    """By the entry *said*, of a request whose body had *size* bytes, or of the reply to it."""
    reply = said.payloads.get(_REPLY)
    size = (reply.size if reply else 0) if said.kind is Kind.RESPONSE else size
    made = tally.amount((), findings, size=size, requests=int(said.kind is Kind.REQUEST or said.kind is Kind.REFUSAL))
    return made + Amount(tokens=-(-size // _TOKEN))
