"""Exchanges as the record holds them: which there are, which are meant, and how each went. Opens no payload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from weighlock.ledger.entry import Entry, Kind

OUTCOMES = ("allow", "mask", "hold", "refused")
_OF_AN_EXCHANGE = frozenset({Kind.REQUEST, Kind.REFUSAL, Kind.APPROVAL, Kind.MESSAGE, Kind.RESPONSE})
_MARKERS = {"refused": ":no_entry:", "hold": ":hourglass:", "mask": ":lock:", "allow": ":white_check_mark:"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The entries of one exchange, oldest first; among them is that of its request, or of its refusal."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def start(self) -> Entry:
        return next(entry for entry in self.entries if entry.kind in (Kind.REQUEST, Kind.REFUSAL))

    @property
    def who(self) -> Mapping[str, Any]:
        """Empty where nobody was identified."""
        return dict(self.start.body.get("who", {}))

    @property
    def began(self) -> float:
        """Unix seconds."""
        return seconds(str(self.start.body["started_at"]))

    @property
    def outcome(self) -> str:
        if any("refused" in entry.body for entry in self.entries):
            return "refused"
        actions = {entry.body.get("verdict", {}).get("action") for entry in self.entries}
        return next((action for action in ("hold", "mask") if action in actions), "allow")

    @property
    def entities(self) -> Counter[str]:
        """How many findings of each."""
        found: Counter[str] = Counter()
        for entry in self.entries:
            found.update(entry.body.get("entities", {}))
        return found

    def holder(self, name: str) -> Entry | None:
        """The entry that has the payload *name*."""
        return next((entry for entry in self.entries if name in entry.payloads), None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which exchanges are meant; an empty field leaves the choice open."""

    ids: tuple[str, ...] = ()
    """Of exchanges or sessions, whole or from their beginning on."""
    workload: str = ""
    principal: str = ""
    """A subject, or a person that it acts for."""
    entity: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    """Both as the text of an entry's time."""

    def __contains__(self, recorded: Recorded) -> bool:
        who, time = recorded.who, recorded.start.time
        own = (recorded.id, str(who.get("session", "")))
        people = {who.get("subject"), who.get("owner"), *who.get("persons", ())}
        return (
            (not self.ids or any(one.startswith(asked) for asked in self.ids for one in own))
            and self.workload in ("", who.get("workload"))
            and (not self.principal or self.principal in people)
            and (not self.entity or self.entity in recorded.entities)
            and self.outcome in ("", recorded.outcome)
            and time >= self.since
            and (not self.until or time <= self.until)
        )


def exchanges(entries: Iterable[Entry], read: Callable[[int], Entry]) -> Iterator[Recorded]:
    """The exchanges among *entries*, in the order of their beginning. *read* gives an entry by its number, again."""
    seqs: dict[str, list[int]] = {}
    begun = set()
    for entry in entries:
        if entry.kind in _OF_AN_EXCHANGE:
            name = str(entry.body["exchange"])
            seqs.setdefault(name, []).append(entry.seq)
            if entry.kind in (Kind.REQUEST, Kind.REFUSAL):
                begun.add(name)
    for name, numbers in seqs.items():
        if name in begun:  # else it is held still
            yield Recorded(name, tuple(map(read, numbers)))


def comment(recorded: Recorded) -> str:
    """Why it went as it went, on one line, without plaintext."""
    because: list[str] = []
    for entry in recorded.entries:
        refused = entry.body.get("refused", {})
        if refused:
            because.append(f"{refused['code']}: {refused['reason']}")
        for name in (*refused.get("because", ()), *entry.body.get("verdict", {}).get("because", ())):
            if name not in because:
                because.append(name)
    who = recorded.who
    parts = (
        recorded.outcome,
        ", ".join(because),
        f"{who['workload']} of {who['owner']} as {who['subject']}" if who else "nobody identified",
        ", ".join(f"{entity} ×{count}" for entity, count in sorted(recorded.entities.items())),
    )
    return " · ".join(part for part in parts if part)


def marker(recorded: Recorded) -> str:
    return _MARKERS[recorded.outcome]


def facts(recorded: Recorded) -> dict[str, Any]:
    """All that the clear part says of it, by direction. For looking at: nothing ever takes it for a decision."""
    said: dict[str, Any] = {"exchange": recorded.id, "outcome": recorded.outcome, "who": recorded.who}
    for entry in recorded.entries:
        match entry.kind:
            case Kind.APPROVAL:
                said["approval"] = entry.body["approval"]
            case Kind.MESSAGE:
                said.setdefault("messages", []).append(_judged(entry))
            case Kind.RESPONSE:
                said["response"] = _judged(entry)
            case _:
                said["request"] = _judged(entry)
    return said


def _judged(entry: Entry) -> dict[str, Any]:
    names = ("call", "verdict", "refused", "entities", "findings", "not_inspected", "restored")
    return {"entry": entry.seq, "time": entry.time} | {name: entry.body[name] for name in names if name in entry.body}


def seconds(text: str) -> float:
    """Unix seconds of the text of an entry's time."""
    return datetime.fromisoformat(text).timestamp()
