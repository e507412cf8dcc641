"""https://weighlock.internal/approvals/ID: what became of an approval, for the workload that asked for it."""

from __future__ import annotations

import json
import re
from typing import Any

from mitmproxy import http

from weighlock.adapters.rulebook import IdentityRules
from weighlock.errors import Forbidden
from weighlock.holds import Approval
from weighlock.identity import carriers
from weighlock.model import Exchange, Principal
from weighlock.stages.stage import Parts, filled

_PATH = re.compile(r"/approvals/([0-9a-f]{1,32})")


def is_asked(request: http.Request) -> bool:
    return request.method == "GET" and bool(_PATH.fullmatch(request.path))


async def identify(parts: Parts, exchange: Exchange, request: http.Request) -> Principal:
    """Who asks, as a header field of the request says: to this host a tunnel carries nothing. Raises Refused."""
    rules: IdentityRules = exchange.rules.identity
    headers = tuple(request.headers.items(multi=True))
    return await parts.identifier.identify(carriers.find(headers, None, rules.is_opaque), rules)


async def answer(parts: Parts, exchange: Exchange, request: http.Request) -> http.Response:
    """Raises Forbidden for an approval of another workload, as for one that is not there."""
    found = _PATH.fullmatch(request.path)
    approval = await parts.desk.get(found[1] if found else "")
    if approval.workload != filled(exchange.principal).workload:
        raise Forbidden("approval-unknown", "There is no such approval.")
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return http.Response.make(200, json.dumps(_said(approval)), headers)


def _said(approval: Approval) -> dict[str, Any]:
    last = approval.decisions[-1] if approval.decisions else None
    return {
        "id": approval.id,
        "state": approval.state.value,
        "groups": sorted(approval.terms.groups),
        "need": approval.terms.need,
        "approved": sum(one.approve for one in approval.decisions),
        "who": last.who if last else "",
        "reason": last.reason if last else "",
        "decide_by": approval.decide_by,
        "use_by": approval.use_by,
    }
