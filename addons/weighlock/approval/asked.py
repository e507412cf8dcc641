"""A request that is held, as an approval that is to be decided."""

from __future__ import annotations

from dataclasses import dataclass, field

from weighlock.approval import binding
from weighlock.destination import Destination
from weighlock.holds import Approval, ApprovalState, Kind, Shown, Terms
from weighlock.model import Principal


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, why it is held, and exactly what would be sent."""

    exchange: str
    principal: Principal
    terms: Terms
    because: tuple[str, ...]
    reason: str
    binding: str
    destination: Destination
    dialect: str
    operation: str
    model: str
    prompt: tuple[Shown, ...] = field(repr=False)

    @property
    def key(self) -> str:
        return binding.key(self.binding, self.principal, self.terms)


def pending(asked: Asked, id: str, now: float) -> Approval:
    principal = asked.principal
    return Approval(
        id=id,
        kind=Kind.REQUEST,
        state=ApprovalState.PENDING,
        key=asked.key,
        binding=asked.binding,
        exchange=asked.exchange,
        workload=principal.workload,
        owner=principal.owner,
        subject=principal.subject,
        persons=principal.persons,
        names=binding.names(principal),
        destination=asked.destination.name,
        host=asked.destination.host,
        dialect=asked.dialect,
        operation=asked.operation,
        model=asked.model,
        because=asked.because,
        reason=asked.reason,
        terms=asked.terms,
        requested_at=now,
        decide_by=now + asked.terms.within,
    )
