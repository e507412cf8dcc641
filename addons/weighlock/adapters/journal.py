"""What happens to the gateway itself, for the log and the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from weighlock.adapters.rulebook import Rules, digest
from weighlock.adapters.stores.ledger import Draft, Ledger
from weighlock.errors import Refused, Unavailable
from weighlock.holds import Approval
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

log = logging.getLogger("weighlock")

_GOOD = frozenset({"event-taken", "event-repeated", "anchors-in-time"})


class Journal:
    """What happens to the gateway itself, for the log and the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.moved: list[Callable[[Approval], None]] = []
        """Who else hears of each approval's moves."""
        self._tasks: set[asyncio.Task[None]] = set()

    def rules(self, event: str, message: str) -> None:
        level = logging.WARNING if event == "rejected" else logging.INFO
        log.log(level, "rules %s: %s", event, message)
        self._note(Draft(Kind.CONTROL, entry.control_body(f"rules-{event}", message)))

    def policy(self, rules: Rules) -> None:
        self._note(policy_draft(rules))

    def approval(self, approval: Approval, exchange: str) -> None:
        loud = approval.broken_glass
        log.log(
            logging.WARNING if loud else logging.INFO,
            "approval %s of workload %s: %s%s",
            approval.id,
            approval.workload,
            approval.state,
            " by broken glass" if loud else "",
        )
        self._note(Draft(Kind.APPROVAL, entry.approval_body(approval, exchange)))
        for listener in self.moved:
            listener(approval)

    def cutoffs(self, count: int) -> None:
        log.info("cut-offs in force: %d", count)
        self._note(Draft(Kind.CONTROL, entry.control_body("cut-offs-changed", f"{count} in force")))

    def signal(self, event: str, message: str) -> None:
        """Of shared signals, an event that was taken or refused, a transmitter that is silent; and of the anchors."""
        log.log(logging.INFO if event in _GOOD else logging.WARNING, "%s: %s", event, message)
        self._note(Draft(Kind.CONTROL, entry.control_body(event, message)))

    async def write(self, kind: Kind, event: str, message: str = "") -> None:
        """Raises Unavailable where it cannot be written."""
        await self._ledger.append(Draft(kind, entry.control_body(event, message)))

    async def visit(self, event: str, message: str, account: Mapping[str, str], refused: Refused | None) -> None:
        """Raises Unavailable where it cannot be written."""
        await self._ledger.append(Draft(Kind.CONTROL, entry.visit_body(event, message, account, refused)))

    async def flush(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _note(self, draft: Draft) -> None:
        task = asyncio.get_running_loop().create_task(self._append(draft))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _append(self, draft: Draft) -> None:
        try:
            await self._ledger.append(draft)
        except Unavailable as error:
            log.error("not recorded: %s: %s", draft.kind, error.code)


def policy_draft(rules: Rules) -> Draft:
    return Draft(
        Kind.CONTROL, entry.policy_body(rules.digest, digest(rules.sources), rules.detect.digest, rules.sources)
    )
