"""What will leave: every text rewritten as the verdict says, and the body serialised anew."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from mitmproxy import http

from weighlock.errors import Forbidden
from weighlock.masking import apply
from weighlock.model import Action, Exchange, Outbound, Verdict
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
        run = self.parts.operators(filled(exchange.principal).token_id)
        findings = filled(exchange.findings)
        masked = {}
        for text in call.texts:
            rewrites = apply.rewrites(text, findings, lambda finding: verdict.operators.get(finding.entity), run)
            if rewrites:
                masked[text.pointer] = apply.apply(text.value, rewrites)
        view = view_of(flow.request)
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
