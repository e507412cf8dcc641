"""What will leave: every text rewritten as the verdict says, and the body serialised anew."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from mitmproxy import http

from weighlock import dialects
from weighlock.errors import Forbidden
from weighlock.masking import apply
from weighlock.masking.vault import Kept
from weighlock.model import Action, Exchange, Finding, OperatorSpec, Outbound, Verdict
from weighlock.policy.decide import restores
from weighlock.stages.handshake import offer
from weighlock.stages.read import view_of
from weighlock.stages.stage import Stage, filled


class Mask(Stage):
    fills = "outbound"
    kind = Outbound

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Outbound:
        verdict, call = filled(exchange.verdict), filled(exchange.call)
        if verdict.action is Action.BLOCK:
            raise blocked(verdict)
        principal = filled(exchange.principal)
        run = self.parts.operators(principal, verdict)
        vault = await self.parts.vaults.of(principal) if restores(exchange.rules.policy, principal, call) else None
        new: list[Kept] = []

        def keep(kept: Kept) -> None:
            if vault is not None and vault.keep(kept):
                new.append(kept)

        findings = filled(exchange.findings)

        def operator(finding: Finding) -> OperatorSpec | None:
            return verdict.operators.get(finding.entity)

        masked = {}
        for text in call.texts:
            rewrites = apply.rewrites(text, findings, operator, run, keep)
            if rewrites:
                masked[text.pointer] = apply.apply(text.value, rewrites)
        await self.parts.vaults.save(principal, new)
        view = view_of(flow.request, dialects.named(call.dialect).headers)
        body = b"" if call.body is None else call.body.rewrite(masked).dumps()
        headers = [("host", flow.request.host_header or flow.request.authority), *view.headers]
        if body:
            headers += [("content-type", call.body.media), ("content-length", str(len(body)))]
        if view.socket:
            headers += offer(flow.request)
        # Never a coding that a stream would have to be decoded from before it can be masked.
        headers.append(("accept-encoding", "identity"))
        path = quote(view.path, safe="/%:@!$&'()*+,;=~-._") + (f"?{urlencode(view.query)}" if view.query else "")
        return Outbound(method=view.method, path=path, headers=tuple(headers), body=body)


def blocked(verdict: Verdict) -> Forbidden:
    return Forbidden(
        "policy-blocked",
        verdict.reason or "Policy does not let this pass.",
        next_step="`weighlock ledger show` has the findings; change the prompt or ask the policy's owner.",
        because=verdict.because,
    )
