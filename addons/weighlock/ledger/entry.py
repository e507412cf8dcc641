"""Entries: the clear part of the record, and their one canonical spelling, which the tree commits to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from weighlock.errors import Refused
from weighlock.holds import Approval
from weighlock.ledger import clear, jcs
from weighlock.model import Exchange, Finding, NotInspected, Principal, Verdict

POLICY = "policy-in-force"
"""The event of an entry that holds a policy."""


class Kind(StrEnum):
    START = "start"
    STOP = "stop"
    REQUEST = "request"
    """Judged, and about to be forwarded."""
    REFUSAL = "refusal"
    APPROVAL = "approval"
    """A hold, and each thing that became of it."""
    MESSAGE = "message"
    """One that a client sent in a WebSocket, and that is about to be forwarded."""
    RESPONSE = "response"
    ERASURE = "erasure"
    """Stands for payloads whose keys were destroyed with it."""
    CONTROL = "control"
    """What people and files did to the gateway: rules, cut-offs."""


class PayloadRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry says of a sealed payload. Hashes are lower-case hex."""

    sha256: str
    """Of the ciphertext."""
    commitment: str
    """HMAC-SHA256 of the plaintext under a salt that is sealed with it."""
    size: int
    """Of the plaintext, in bytes."""
    key: str
    """SHA-256 of the wrapped key: whose recipients could open it is part of the record."""


class Entry(msgspec.Struct, frozen=True):
    seq: int
    """From 0, without gaps: the index of its leaf."""
    time: str
    """RFC 3339, UTC, milliseconds; never earlier than the entry before."""
    kind: Kind
    body: Mapping[str, Any]
    payloads: Mapping[str, PayloadRef] = MappingProxyType({})


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """An entry as it is spelled: nothing in it may be missing."""

    version: Literal[1]
    """Of this shape; a reader refuses one that it does not know."""
    seq: int
    time: str
    kind: Kind
    body: dict[str, Any]
    payloads: dict[str, PayloadRef]


_read = msgspec.json.Decoder(_Stored).decode


def canonical(entry: Entry) -> bytes:
    """RFC 8785 JSON; ValueError where the body holds what JSON cannot (NaN, lone surrogates, integers over 2^53)."""
    return jcs.dumps(
        {
            "version": 1,
            "seq": entry.seq,
            "time": entry.time,
            "kind": entry.kind.value,
            "body": dict(entry.body),
            "payloads": {name: msgspec.structs.asdict(ref) for name, ref in entry.payloads.items()},
        }
    )


def parse(data: bytes) -> Entry:
    """The entry in *data*; ValueError for anything that `canonical` cannot have made."""
    try:
        said = _read(data)
        datetime.fromisoformat(said.time)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, and may quote what they read
        raise ValueError("not an entry of a known version") from None
    return Entry(said.seq, said.time, said.kind, said.body, said.payloads)


def timestamp(seconds: float) -> str:
    """Unix *seconds* as RFC 3339 in UTC, cut to milliseconds; such texts sort by time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_body(exchange: Exchange) -> dict[str, Any]:
    """Of a request that is about to be forwarded: every field of *exchange* up to the release is filled."""
    return _request(exchange)


def refusal_body(exchange: Exchange, refused: Refused) -> dict[str, Any]:
    """Of a request that was refused, at whatever stage: what is not known of it is absent."""
    return _request(exchange) | _refused(refused)


def static_keys_body(
    keys: Sequence[Mapping[str, str]], size: int | None, principal: Principal | None
) -> dict[str, Any]:
    """What a refusal adds where the request held static *keys*: each as vendor, digest, last4 and place.

    *size* is that of the body in bytes: as sent where it was read, else as announced; absent where neither is known.
    *principal* is whose verified token came with the keys; it is `who` then.
    """
    body: dict[str, Any] = {"static_keys": [dict(key) for key in keys]}
    if size is not None:
        body["size"] = size
    return body | ({"who": clear.who(principal)} if principal else {})


def response_body(
    exchange: Exchange,
    *,
    status: int,
    findings: Sequence[Finding],
    verdict: Verdict | None,
    refused: Refused | None,
    not_inspected: Sequence[NotInspected] = (),
    restored: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Of what the model host answered; *refused* where it was not delivered, or not wholly. *status* 0: no answer.

    *restored* counts pseudonyms that became what they stand for again, by entity.
    """
    body = _exchange(exchange) | {"status": status} | clear.findings(findings) | clear.not_inspected(not_inspected)
    if restored:
        body["restored"] = dict(sorted(restored.items()))
    if verdict:
        body["verdict"] = clear.verdict(verdict)
    return body | (_refused(refused) if refused else {})


def message_body(
    exchange: Exchange, findings: Sequence[Finding], verdict: Verdict, not_inspected: Sequence[NotInspected]
) -> dict[str, Any]:
    """Of one message in the WebSocket that *exchange* opened."""
    body = _exchange(exchange) | clear.findings(findings) | clear.not_inspected(not_inspected)
    return body | {"verdict": clear.verdict(verdict)}


def approval_body(approval: Approval, exchange_id: str) -> dict[str, Any]:
    """Of one move of an approval. *exchange_id* is the exchange that made it, or that asked first."""
    return {
        "exchange": exchange_id,
        "who": {"workload": approval.workload, "owner": approval.owner, "subject": approval.subject},
        "because": list(approval.because),
        "approval": clear.approval(approval),
    }


def control_body(event: str, message: str = "") -> dict[str, Any]:
    """Of start, stop and control. *event* is a kebab-case word, *message* public text without plaintext."""
    return {"event": event, "message": message}


def gap_body(since: float, until: float, entries: int) -> dict[str, Any]:
    """Of *entries* that could not be written, the first and the last at these Unix times."""
    first, last = timestamp(since), timestamp(until)
    missed = {"since": first, "until": last, "entries": entries}
    return control_body("gap", f"{entries} entries could not be written from {first} to {last}") | {"gap": missed}


def visit_body(event: str, message: str, account: Mapping[str, str], refused: Refused | None) -> dict[str, Any]:
    """Of a person who comes to the console, or leaves it; without an *account* it is not proven who."""
    who = {"account": dict(account)} if account else {}
    return control_body(event, message) | who | (_refused(refused) if refused else {})


def policy_body(rules: str, policy: str, detect: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Of a policy that comes into force: the digests of all rules, which verdicts name, of its own *files*, and of the
    rules of detection.
    """
    digests = {"rules": rules, "policy": policy, "detect": detect}
    return control_body(POLICY, f"policy {policy}") | digests | {"files": dict(files)}


def session_body(exchange: Exchange, session: str) -> dict[str, Any]:
    """Of a session that *exchange* opened."""
    return _exchange(exchange) | {"event": "session-opened", "message": f"session {session}"}


def _exchange(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = {
        "exchange": exchange.id,
        "peer": exchange.peer,
        "started_at": timestamp(exchange.started_at),
    }
    if exchange.principal:
        body["who"] = clear.who(exchange.principal)
    return body


def _request(exchange: Exchange) -> dict[str, Any]:
    body = _exchange(exchange)
    if exchange.principal:
        body |= clear.claims(exchange.principal)
    if exchange.destination:
        body |= {"scheme": "https", "host": exchange.destination.host, "port": exchange.destination.port}
    if exchange.call:
        body["call"] = clear.call(exchange.call, exchange.findings)
        body |= clear.not_inspected(exchange.call.not_inspected)
    if exchange.findings is not None:
        body |= clear.findings(exchange.findings)
    if exchange.verdict:
        body["verdict"] = clear.verdict(exchange.verdict)
    if exchange.approval:
        body["approval"] = clear.approval(exchange.approval)
    return body


def _refused(refused: Refused) -> dict[str, Any]:
    return {
        "refused": {
            "code": refused.code,
            "status": refused.status,
            "reason": refused.reason,
            "because": list(refused.because),
        }
    }
