"""One exchange as a turn of a conversation: what its clear parts say, and with the auditor's key what was said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.errors import ConfigError, Malformed
from weighlock.ledger import seal
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.seal import NotOpened
from weighlock.ledger.sessions import graver, outcome
from weighlock.wire import message

auditor_option = click.option(
    "--auditor-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The auditor's age identity, to show the masked texts too.",
)

Read = Callable[[Entry, str], list[dict[str, str]]]
"""The texts of the payload of that name, in their order, each with its role."""

_SPEAKING = ("content", "text", "input", "prompt", "delta", "thinking", "arguments")


def opener(reader: Reader, key: Path | None) -> Read | None:
    if key is None:
        return None
    try:
        identities = seal.identities(key.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"no identity there: {reason}", str(key)) from None

    def read(said: Entry, name: str) -> list[dict[str, str]]:
        try:
            ciphertext, wrapped = reader.payload(said.seq, name)
            _, _, body = message.decode(seal.open_sealed(said.payloads[name], ciphertext, wrapped, identities))
        except KeyError:
            return [{"role": "", "text": "(erased)"}]
        except (NotOpened, Malformed) as error:
            raise ConfigError(f"the payload {name} cannot be read: {error}", f"entry {said.seq}") from None
        return list(texts(body))

    return read


def turn(entries: Sequence[Entry], read: Read | None) -> dict[str, Any]:
    """Of one exchange, oldest entry first."""
    first = next((said for said in entries if said.kind in (Kind.REQUEST, Kind.REFUSAL)), entries[0])
    call, verdict = first.body.get("call", {}), first.body.get("verdict", {})
    said: dict[str, Any] = {
        "exchange": first.body["exchange"],
        "conversation": first.body.get("conversation", ""),
        "time": entries[0].time,
        "verdict": "",
        "operation": call.get("operation", ""),
        "model": call.get("model", ""),
        "host": first.body.get("host", ""),
        "because": list(verdict.get("because", ())),
        "policy": verdict.get("policy", ""),
        "approvals": _approvals(entries),
        "refused": next((one.body["refused"] for one in entries if "refused" in one.body), None),
        "request": {"found": {}},
        "response": {"found": {}},
    }
    for one in entries:
        said["verdict"] = graver(said["verdict"], outcome(one))
        side = "response" if one.kind is Kind.RESPONSE else "request"
        operators = one.body.get("verdict", {}).get("operators", {})
        for entity, count in one.body.get("entities", {}).items():
            found = said[side]["found"].setdefault(entity, {"count": 0, "operator": operators.get(entity, "")})
            found["count"] += count
        payload = {"request": "request.forwarded", "response": "response.delivered"}
        if read:
            for where, name in payload.items():
                if name in one.payloads and one.payloads[name].size:
                    said[where]["texts"] = read(one, name)
    return said


def _approvals(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """Each move of what was held; and the approval that an exchange was sent with, given to an earlier one."""
    moves = [one for one in entries if one.kind is Kind.APPROVAL]
    return [
        {
            "id": approval["id"],
            "state": approval["state"],
            "by": ", ".join(str(decision["who"]) for decision in approval["decisions"]),
            "time": one.time,
        }
        for one in moves or entries
        if (approval := one.body.get("approval"))
    ]


def texts(body: bytes) -> Iterator[dict[str, str]]:
    """What is said in a *body*: in JSON, or in the events of a stream, where pieces that follow each other are one."""
    text = body.decode("utf-8", "replace")
    try:
        found = list(_spoken(json.loads(text), ""))
    except ValueError:
        found = list(_events(text))
    yield from found
    if not found and text.strip():
        yield {"role": "", "text": text}


def _events(text: str) -> Iterator[dict[str, str]]:
    pieces = []
    for line in text.splitlines():
        if line.startswith("data:"):
            try:
                value = json.loads(line[5:])
            except ValueError:
                continue
            pieces += [one["text"] for one in _spoken(value, "")]
    if pieces:
        yield {"role": "", "text": "".join(pieces)}


def _spoken(value: Any, role: str) -> Iterator[dict[str, str]]:
    if isinstance(value, list):
        for part in value:
            yield from _spoken(part, role)
    elif isinstance(value, Mapping):
        role = str(value.get("role", role))
        for name, part in value.items():
            if isinstance(part, str) and name in _SPEAKING:
                if part:
                    yield {"role": role, "text": part}
            else:
                yield from _spoken(part, role)
