"""What of a noun may stand in the ledger's clear part: who, what, how it was judged, and no word of what was said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from weighlock.holds import Approval, Decision, Kind
from weighlock.model import Call, Finding, NotInspected, Principal, Verdict

FINDINGS = 500
"""Most findings that an entry lists one by one; `entities` counts all of them."""
TOOLS, LISTED, LONG = 200, 50, 200
"""Most tools of a call, and most members of a claim that are listed; most characters of one."""
WITHHELD = "*"
"""Stands where a name or word is data, or was not inspected."""

_REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""RFC 7519, section 4.1: `who` has what matters of them."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


def who(principal: Principal) -> dict[str, Any]:
    session = {"session": principal.session} if principal.session else {}
    return session | {
        "issuer": principal.issuer,
        "subject": principal.subject,
        "workload": principal.workload,
        "owner": principal.owner,
        "persons": sorted(principal.persons),
        "groups": sorted(principal.groups),
        "token_id": principal.token_id,
        "expires_at": int(principal.expires_at),
    }


def claims(principal: Principal) -> dict[str, Any]:
    """What the token says besides, for statements to be judged by again; long and nested values are left out."""
    said = {name: value for name, value in principal.claims.items() if name not in _REGISTERED and _is_short(value)}
    withheld = sorted(principal.claims.keys() - said.keys() - _REGISTERED)
    return {"claims": said} | ({"claims_withheld": withheld} if withheld else {})


def _is_short(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= LISTED and all(not isinstance(one, list) and _is_short(one) for one in value)
    return (isinstance(value, str) and len(value) <= LONG) or (isinstance(value, bool | int) and abs(value) < 1 << 53)


def call(call: Call, findings: Collection[Finding] | None) -> dict[str, Any]:
    """*findings* None: it was not inspected, so the words that the client chose are withheld."""
    tools = _tools(call, findings)
    return ({} if tools is None else {"tools": tools}) | {
        "dialect": call.dialect,
        "operation": _operation(call, findings),
        "destination": call.destination,
        "model": _model(call, findings),
        "stream": call.stream,
        "size": call.size,
    }


def not_inspected(parts: Sequence[NotInspected]) -> dict[str, Any]:
    """What passed unread: nothing where all was inspected."""
    return {"not_inspected": [{"kind": part.kind, "size": part.size} for part in parts]} if parts else {}


def _operation(call: Call, findings: Collection[Finding] | None) -> str:
    """An operation that is a path may hold data; one that is a word of the API may not."""
    method, space, path = call.operation.partition(" ")
    if not space and "/" not in method:
        return method
    if findings is None or any(finding.pointer.partition(":")[0] == "path" for finding in findings):
        return f"{method} {WITHHELD}"
    return f"{method} {'/'.join(map(_name, path.split('/')))}"


def _model(call: Call, findings: Collection[Finding] | None) -> str:
    if not call.model:
        return ""
    found = {finding.pointer for finding in findings or ()}
    sensitive = any(text.pointer in found and text.value == call.model for text in call.texts)
    return WITHHELD if findings is None or sensitive or not _WORD.fullmatch(call.model) else call.model


def _tools(call: Call, findings: Collection[Finding] | None) -> list[str] | None:
    """None where nobody can tell, or where a name may be data."""
    if call.tools is None or findings is None or len(call.tools) > TOOLS:
        return None
    found = {finding.pointer.partition("#")[0] for finding in findings}
    sensitive = {text.value for text in call.texts if text.pointer.partition("#")[0] in found}
    if not all(_NAME.fullmatch(name) and name not in sensitive for name in call.tools):
        return None
    return list(call.tools)


def findings(found: Sequence[Finding]) -> dict[str, Any]:
    """The first of them one by one, and how many of each entity there are."""
    names = {finding.pointer[:-1] for finding in found if finding.pointer.endswith("#")}
    return {
        "entities": dict(Counter(finding.entity for finding in found)),
        "tags": {finding.rule: sorted(finding.tags) for finding in found[:FINDINGS]},
        "findings": [
            {
                "rule": finding.rule,
                "entity": finding.entity,
                "level": finding.level.name.lower(),
                "score": finding.score,
                "pointer": pointer(finding.pointer, names),
                "start": finding.start,
                "end": finding.end,
                "fingerprint": finding.fingerprint,
                "view": finding.view,
            }
            for finding in found[:FINDINGS]
        ],
    }


def pointer(raw: str, sensitive: Collection[str] = ()) -> str:
    """*raw* with every member name that may be data withheld: an odd one, and those of the *sensitive* pointers.

    Member names are data of the client's; a card number can be one.
    """
    prefix, colon, name = raw.partition(":")
    if colon and "/" not in prefix:  # header:NAME, query:NAME
        return f"{prefix}:{_name(name)}"
    raw, mark, _ = raw.partition("#")
    tokens = raw.split("/")
    shown = [WITHHELD if "/".join(tokens[: at + 1]) in sensitive else _name(token) for at, token in enumerate(tokens)]
    return "/".join(shown) + mark


def _name(token: str) -> str:
    return token if not token or _NAME.fullmatch(token) else WITHHELD


def verdict(verdict: Verdict) -> dict[str, Any]:
    would: dict[str, Any] = (
        {} if verdict.would is None else {"would": verdict.would.name.lower(), "shadow": list(verdict.shadow)}
    )
    if verdict.counts:
        would |= {"counts": {window: dict(held) for window, held in verdict.counts.items()}}
    return would | {
        "action": verdict.action.name.lower(),
        "because": list(verdict.because),
        "matched": list(verdict.matched),
        "operators": {entity: operator.name for entity, operator in verdict.operators.items()},
        "policy": verdict.policy,
        "reason": verdict.reason,
    }


def approval(approval: Approval) -> dict[str, Any]:
    """Without the reasons that people gave: they are free text and may quote the prompt."""
    return {
        "id": approval.id,
        "kind": approval.kind.value,
        "state": approval.state.value,
        "binding": approval.binding,
        "exchange": approval.exchange,
        "workload": approval.workload,
        "owner": approval.owner,
        "subject": approval.subject,
        "destination": approval.destination,
        "host": approval.host,
        "dialect": approval.dialect,
        "operation": approval.operation,
        "model": approval.model,
        "because": list(approval.because),
        "reason": "" if approval.kind is Kind.GRANT else approval.reason,
        "groups": sorted(approval.terms.groups),
        "need": approval.terms.need,
        "thresholds": [
            {"groups": sorted(threshold.groups), "need": threshold.need}
            for quorum in approval.terms.quorums
            for threshold in quorum
        ],
        "mode": approval.terms.way.value,
        "decisions": [decision(one) for one in approval.decisions],
        "review": decision(approval.review) if approval.review else None,
        "requested_at": int(approval.requested_at),
        "decide_by": int(approval.decide_by),
        "use_by": None if approval.use_by is None else int(approval.use_by),
        "limits": _limits(approval),
    }


def decision(said: Decision) -> dict[str, Any]:
    return {"who": said.who, "approve": said.approve, "at": int(said.at), "break_glass": said.break_glass}


def _limits(approval: Approval) -> dict[str, Any] | None:
    limits = approval.limits
    if limits is None:
        return None
    return {
        "requests": limits.requests,
        "bytes": limits.bytes,
        "until": None if approval.use_by is None else int(approval.use_by),
        "used_requests": limits.used_requests,
        "used_bytes": limits.used_bytes,
    }
