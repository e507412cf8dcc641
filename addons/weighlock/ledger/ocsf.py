"""Entries as events of the Open Cybersecurity Schema Framework, for a SIEM. Clear parts only.

| entry | class |
| request, refusal, message, response, approval | API Activity (6003) with Security Control |
| each of these with findings, besides | Detection Finding (2004) |
| a login to the console, refused or not, and a logout | Authentication (3002) |
| start, stop, erasure, any other control | Application Lifecycle (6002) |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.sessions import session_of

VERSION = "1.8.0"
"""Of the schema."""

_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SEVERITY = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_OTHER = 99
_VISITS = {"login": (1, "Logon"), "login-refused": (1, "Logon"), "logout": (2, "Logoff")}
_LIFECYCLE = {Kind.START: (3, "Start"), Kind.STOP: (4, "Stop")}


def events(said: Entry, log: str, product: str) -> Iterator[dict[str, Any]]:
    """Those of the entry *said* in the ledger *log*, written by the version *product*. Each has a uid of its own."""
    if said.kind is Kind.CONTROL and said.body.get("event") in _VISITS:
        yield _visit(said, log, product)
        return
    if said.kind in (Kind.START, Kind.STOP, Kind.ERASURE, Kind.CONTROL):
        yield _lifecycle(said, log, product)
        return
    yield _activity(said, log, product)
    if said.body.get("entities"):
        yield _finding(said, log, product)


def _event(said: Entry, log: str, product: str, category: int, number: int, activity: int, name: str) -> dict[str, Any]:
    uid = category * 1000 + number
    return {
        "category_uid": category,
        "class_uid": uid,
        "activity_id": activity,
        "activity_name": name,
        "type_uid": uid * 100 + activity,
        "time": int(datetime.fromisoformat(said.time).timestamp() * 1000),
        "metadata": {
            "version": VERSION,
            "product": {"name": "weighlock", "vendor_name": "weighlock", "version": product},
            "uid": f"{log}/{said.seq}/{uid}",
            "event_code": said.kind.value,
            "log_name": log,
            "original_time": said.time,
            "sequence": said.seq,
        }
        | ({"correlation_uid": str(said.body["exchange"])} if said.body.get("exchange") else {}),
    }


def _visit(said: Entry, log: str, product: str) -> dict[str, Any]:
    body = said.body
    account, refused = body.get("account", {}), body.get("refused", {})
    name = account.get("email") or account.get("subject") or "unknown"
    event = _event(said, log, product, 3, 2, *_VISITS[str(body["event"])]) | {
        "severity_id": _MEDIUM if refused else _INFORMATIONAL,
        "message": ": ".join(part for part in (str(body["event"]), str(body.get("message", ""))) if part),
        "user": {"name": name} | ({"uid": account["subject"]} if account.get("subject") else {}),
        "service": {"name": "weighlock console"},
        "status_id": 2 if refused else 1,
    }
    return event | ({"status_code": refused["code"], "status_detail": refused["reason"]} if refused else {})


def _lifecycle(said: Entry, log: str, product: str) -> dict[str, Any]:
    event = str(said.body.get("event", said.kind.value))
    activity, name = _LIFECYCLE.get(said.kind, (_OTHER, event))
    message = ": ".join(part for part in (event, str(said.body.get("message", ""))) if part)
    return _event(said, log, product, 6, 2, activity, name) | {
        "severity_id": _INFORMATIONAL,
        "message": message,
        "app": {"name": "weighlock", "version": product},
    }


def _activity(said: Entry, log: str, product: str) -> dict[str, Any]:
    body = said.body
    call, refused, verdict = body.get("call", {}), body.get("refused", {}), body.get("verdict", {})
    state = body.get("approval", {}).get("state", "")
    name = f"approval {state}" if said.kind is Kind.APPROVAL else f"model {said.kind.value}"
    event = _event(said, log, product, 6, 3, _OTHER, name)
    event["metadata"]["profiles"] = ["ai_operation", "security_control"]
    event |= {
        "severity_id": _MEDIUM if refused else _LOW if verdict.get("action") in ("mask", "hold") else _INFORMATIONAL,
        "actor": _actor(body),
        "api": {"operation": call.get("operation") or said.kind.value}
        | ({"service": {"name": call["dialect"]}} if call.get("dialect") else {}),
        "src_endpoint": _endpoint(str(body.get("peer", ""))),
        "status_id": 2 if refused else 1,
    }
    if body.get("host"):
        event["dst_endpoint"] = {"hostname": body["host"], "port": body["port"]}
    if call.get("model"):
        event["ai_model"] = {"name": call["model"], "ai_provider": call["destination"]}
    if body.get("status"):
        event["http_response"] = {"code": body["status"]}
    if verdict:
        event["policy"] = {"uid": verdict["policy"], "name": ", ".join(verdict["because"])}
    if verdict or refused:
        event |= {"action_id": 2 if refused else 1, "disposition_id": _disposition(refused, verdict)}
    if refused:
        event |= {"status_code": refused["code"], "status_detail": refused["reason"]}
    return event


def _finding(said: Entry, log: str, product: str) -> dict[str, Any]:
    body = said.body
    counted = ", ".join(f"{entity} ×{count}" for entity, count in sorted(body["entities"].items()))
    event = _event(said, log, product, 2, 4, 1, "Create")
    event["metadata"]["profiles"] = ["security_control"]
    refused, verdict = body.get("refused", {}), body.get("verdict", {})
    event |= {
        "severity_id": max(
            (_SEVERITY.get(one["level"], 1) for one in body.get("findings", ())), default=_INFORMATIONAL
        ),
        "message": f"{counted} in a {'response' if said.kind is Kind.RESPONSE else 'request'}",
        "finding_info": {
            "uid": event["metadata"]["uid"],
            "title": counted,
            "types": sorted(body["entities"]),
            "created_time": event["time"],
        },
        "evidences": [{"name": f"entry {said.seq}", "actor": _actor(body)}],
        "is_alert": bool(refused),
        "status_id": 1,
    }
    if verdict or refused:
        event |= {"action_id": 2 if refused else 1, "disposition_id": _disposition(refused, verdict)}
    return event


def _disposition(refused: Mapping[str, Any], verdict: Mapping[str, Any]) -> int:
    """Blocked, corrected where something was masked, delayed where it was held, else allowed."""
    return 2 if refused else {"mask": 11, "hold": 14}.get(verdict.get("action", ""), 1)


def _actor(body: Mapping[str, Any]) -> dict[str, Any]:
    who = body.get("who")
    if not who:
        return {"app_name": "unidentified"}
    user = {"name": who["workload"]} | ({"uid": who["subject"]} if who.get("subject") else {})
    if who.get("groups"):
        user["groups"] = [{"name": group} for group in who["groups"]]
    session = session_of(body) if "token_id" in who else ""
    return {"user": user} | ({"session": {"uid": session, "issuer": who.get("issuer", "")}} if session else {})


def _endpoint(peer: str) -> dict[str, Any]:
    host, _, port = peer.rpartition(":")
    return {"ip": host.strip("[]"), "port": int(port)} if host and port.isdecimal() else {"svc_name": "weighlock"}
