"""The only stage that may wait for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mitmproxy import http

from weighlock.approval.asked import Asked
from weighlock.approval.binding import binding
from weighlock.approval.lifecycle import enough
from weighlock.errors import Forbidden
from weighlock.holds import Approval, Shown
from weighlock.ledger import clear
from weighlock.masking.preview import preview
from weighlock.model import Action, Call, Direction, Exchange, Finding, Release, Text, Verdict
from weighlock.policy.decide import decide
from weighlock.policy.statements import Policy
from weighlock.stages.passage import Passage
from weighlock.stages.refusals import client_gone
from weighlock.stages.stage import Stage, filled


class Approve(Stage):
    fills = "release"
    kind = Release

    @property
    def limit(self) -> float:
        return self.parts.settings.hold_for + 10

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Release:
        verdict, principal, call = filled(exchange.verdict), filled(exchange.principal), filled(exchange.call)
        digest = bound(exchange)
        if verdict.action is not Action.HOLD:
            return Release(digest)
        findings = filled(exchange.findings)
        words = clear.call(call, findings)
        asked = Asked(
            exchange=exchange.id,
            principal=principal,
            terms=filled(verdict.terms),
            because=verdict.because,
            reason=verdict.reason,
            binding=digest,
            destination=filled(exchange.destination),
            dialect=call.dialect,
            operation=words["operation"],
            model=words["model"],
            prompt=_prompt(call, findings),
        )
        if grant := await self.parts.desk.granted(asked, len(filled(exchange.outbound).body)):
            return Release(digest, grant)
        approval = await self.parts.desk.hold(asked, self.parts.settings.hold_for)
        await self._still(exchange, verdict, approval)
        if not flow.client_conn.connected:
            raise client_gone()
        return Release(digest, await self.parts.desk.consume(approval.id, digest, exchange.id))

    async def _still(self, exchange: Exchange, verdict: Verdict, approval: Approval) -> None:
        """Rules may have changed while a person was thinking, and somebody been cut off: the stricter wins."""
        principal, current = filled(exchange.principal), self.parts.rulebook.current
        self.parts.identifier.check(principal, current.identity, self.parts.cutoffs.current())
        again = await self._judged(exchange, current.policy)
        if not _asks_more(again, verdict, approval):
            return
        counted = await self._judged(exchange, exchange.rules.policy)
        if _asks_more(counted, verdict, approval):
            raise Forbidden(
                "counter-grew",
                f"The approval no longer covers this: more was counted while it was held. {counted.reason}",
                next_step="Run the job again: it will be judged by what is counted then.",
                because=counted.because,
            )
        raise Forbidden(
            "policy-tightened",
            "The policy changed while this was held, and the approval no longer covers it.",
            next_step="Run the job again: it will be judged by the policy in force.",
            because=again.because,
        )

    async def _judged(self, exchange: Exchange, policy: Policy) -> Verdict:
        """What *policy* says of it with all that is counted by now."""
        principal, call, findings = filled(exchange.principal), filled(exchange.call), filled(exchange.findings)
        counts = await self.parts.counters.read(policy, principal)
        return decide(policy, principal, call, findings, Direction.REQUEST, counts)


def bound(exchange: Exchange) -> str:
    """The digest of what would be sent; empty where it is not ready yet."""
    verdict, principal, call = exchange.verdict, exchange.principal, exchange.call
    if not (verdict and principal and call and exchange.destination and exchange.outbound):
        return ""
    return binding(exchange.destination, exchange.outbound, call.model, principal.workload, verdict.because)


def unmasked(passages: Iterable[Passage], approval: Approval) -> Sequence[Text] | None:
    """What *approval* is asked for, as it came; None where no request that waits for it is in memory."""
    for passage in passages:
        exchange = passage.exchange
        if exchange.call and exchange.release is None and not passage.refused and bound(exchange) == approval.binding:
            return exchange.call.texts
    return None


def _asks_more(again: Verdict, verdict: Verdict, approval: Approval) -> bool:
    """Whether *again* is stricter than what was approved, has another cause, or those who approved are not enough."""
    if again.action > verdict.action or again.operators != verdict.operators:
        return True
    if again.terms is None:
        return False
    glass = any(one.break_glass and one.groups & again.terms.break_glass for one in approval.decisions)
    return not set(again.because) <= set(approval.because) or not (
        glass or enough(again.terms.quorums, approval.decisions)
    )


def _prompt(call: Call, findings: Sequence[Finding]) -> tuple[Shown, ...]:
    """As an approver sees it; also the names of members, which may be data."""
    names = {finding.pointer[:-1] for finding in findings if finding.pointer.endswith("#")}
    return tuple(replace(one, pointer=clear.pointer(one.pointer, names)) for one in preview(call.texts, findings))
