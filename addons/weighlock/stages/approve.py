"""The only stage that may wait for a person."""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import http

from weighlock.approval.binding import binding
from weighlock.errors import Forbidden
from weighlock.masking.apply import Rewrite, apply
from weighlock.model import Action, Direction, Exchange, Release, Role, Text, Verdict
from weighlock.policy.decide import decide
from weighlock.stages.stage import Stage, filled


class Approve(Stage):
    fills = "release"
    kind = Release

    @property
    def limit(self) -> float:
        return self.parts.settings.hold_for + 5

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Release:
        verdict, principal = filled(exchange.verdict), filled(exchange.principal)
        digest = binding(filled(exchange.destination), filled(exchange.outbound), principal.workload, verdict.because)
        if verdict.action is not Action.HOLD:
            return Release(digest)
        approval = await self.parts.desk.hold(
            exchange.id,
            principal,
            verdict,
            digest,
            preview=preview(exchange),
            seconds=min(self.parts.settings.hold_for, verdict.within or self.parts.settings.hold_for),
        )
        # Rules may have changed while a person was thinking: the stricter verdict wins.
        current = self.parts.rulebook.current
        counts = await self.parts.counters.read(current.policy, principal)
        call, findings = filled(exchange.call), filled(exchange.findings)
        again = decide(current.policy, principal, call, findings, Direction.REQUEST, counts)
        if again.action > verdict.action or again.operators != verdict.operators or _asks_more(again, verdict):
            raise Forbidden(
                "policy-tightened",
                "The policy changed while this was held, and the approval no longer covers it.",
                next_step="Run the job again: it will be judged by the policy in force.",
                because=again.because,
            )
        return Release(digest, self.parts.desk.consume(approval.id, digest))


def _asks_more(again: Verdict, verdict: Verdict) -> bool:
    """Whether a hold that is still one has another cause now, or other approvers."""
    return again.action is Action.HOLD and (
        not set(again.because) <= set(verdict.because) or again.approvers != verdict.approvers
    )


def preview(exchange: Exchange) -> tuple[Text, ...]:
    """The prompt for the approver's eyes: every finding replaced by its entity, whatever policy does with it."""
    findings = filled(exchange.findings)
    shown = []
    for text in filled(exchange.call).texts:
        if text.role is Role.CONTENT:
            found = sorted((f for f in findings if f.pointer == text.pointer), key=lambda f: f.start)
            rewrites = [Rewrite(f.start, f.end, f"<{f.entity}>") for f in found]
            shown.append(replace(text, value=apply(text.value, rewrites)))
    return tuple(shown)
