"""Recorded exchanges judged again: by the policy that was in force, which must say the same, and by a draft."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from weighlock.ledger.entry import Entry, Kind
from weighlock.model import Action, Call, Direction, Finding, Principal, Verdict
from weighlock.policy.decide import decide
from weighlock.policy.record import findings as listed
from weighlock.policy.record import recorded
from weighlock.policy.statements import Policy
from weighlock.replay.recount import Recount, added

_NO_POLICY = "the policy that was in force is not in the ledger"
_NOT_WHOLE = "the clear part does not list all of its findings, or all claims"
_SEALED = "the draft has other rules of detection, and the texts are sealed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verdict does, as far as the record tells."""

    action: str
    because: tuple[str, ...]
    operators: Mapping[str, str]
    """Entity → operator."""

    @property
    def effect(self) -> tuple[str, Mapping[str, str]]:
        return self.action, self.operators


@dataclass(frozen=True, slots=True)
class Judged:
    """A recorded verdict, and all that it was about."""

    said: Entry
    direction: Direction
    principal: Principal
    call: Call
    findings: Sequence[Finding]
    whole: bool
    """Whether all findings are listed, and all claims."""

    @property
    def exchange(self) -> str:
        return str(self.said.body["exchange"])

    @property
    def policy(self) -> str:
        return str(self.said.body["verdict"]["policy"])

    @property
    def was(self) -> Outcome:
        verdict = self.said.body["verdict"]
        return Outcome(verdict["action"], tuple(verdict["because"]), verdict["operators"])

    @property
    def passed(self) -> bool:
        return "refused" not in self.said.body


def judged(entries: Iterable[Entry]) -> Iterator[Judged]:
    """The verdicts in *entries*, which come oldest first; not those on exchanges that began before the first."""
    began: dict[str, Entry] = {}
    messages: dict[str, tuple[Finding, ...]] = {}
    for said in entries:
        exchange = str(said.body.get("exchange", ""))
        if said.kind in (Kind.REQUEST, Kind.REFUSAL):
            began[exchange] = said
        if "verdict" in said.body and exchange in began:
            first = began[exchange].body
            principal, call, found = recorded(said.body, first)
            if said.kind is Kind.MESSAGE:  # each is judged with those before it
                found = messages[exchange] = messages.get(exchange, ()) + found
            whole = sum(said.body.get("entities", {}).values()) == len(listed(said.body))
            direction = Direction.RESPONSE if said.kind is Kind.RESPONSE else Direction.REQUEST
            yield Judged(said, direction, principal, call, found, whole and "claims_withheld" not in first)
        if said.kind in (Kind.RESPONSE, Kind.REFUSAL):
            began.pop(exchange, None)
            messages.pop(exchange, None)


@dataclass(frozen=True, slots=True)
class Version:
    """A policy, and the digest of the rules of detection beside it."""

    policy: Policy
    detect: str


Reread = Callable[[Judged], Judged | None]
"""The same, with what the draft's rules find in the texts; None where the texts cannot be had."""


@dataclass(slots=True)
class Change:
    """Verdicts that would become others, alike in what they were and would be."""

    direction: str
    was: Outcome
    now: Outcome
    count: int = 0
    workloads: Counter[str] = field(default_factory=Counter)
    owners: Counter[str] = field(default_factory=Counter)
    destinations: Counter[str] = field(default_factory=Counter)
    entities: Counter[str] = field(default_factory=Counter)
    exchanges: list[str] = field(default_factory=list)
    """The first of them."""


@dataclass(slots=True)
class Report:
    examples: int
    """Most exchanges that are named of each kind."""
    verdicts: int = 0
    changes: dict[tuple[object, ...], Change] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)
    """Exchanges whose recorded verdict the policy of that time does not give again."""
    unjudged: Counter[str] = field(default_factory=Counter)
    """By reason."""

    @property
    def changed(self) -> int:
        return sum(change.count for change in self.changes.values())

    def note(self, one: Judged, was: Outcome, now: Outcome) -> None:
        key = (one.direction, was.action, was.because, *sorted(was.operators.items()), now.action, now.because)
        change = self.changes.setdefault((*key, *sorted(now.operators.items())), Change(one.direction.value, was, now))
        change.count += 1
        change.workloads[one.principal.workload] += 1
        change.owners[one.principal.owner] += 1
        change.destinations[one.call.destination] += 1
        change.entities.update({finding.entity for finding in one.findings})
        if len(change.exchanges) < self.examples and one.exchange not in change.exchanges:
            change.exchanges.append(one.exchange)


def rejudge(
    verdicts: Iterable[Judged],
    draft: Version,
    in_force: Callable[[str], Version | None],
    reread: Reread,
    since: str = "",
    examples: int = 3,
) -> Report:
    """What *draft* makes of *verdicts*. Those before *since*, the text of an entry's time, are counted and not told.

    *in_force* gives a policy by the digest that verdicts name, None where the record has it not.
    """
    report, counted = Report(examples), Recount(draft.policy)
    for one in verdicts:
        told = one.said.time >= since
        report.verdicts += told
        held = in_force(one.policy)
        if held is None or not one.whole:
            report.unjudged[_NO_POLICY if held is None else _NOT_WHOLE] += told
            continue
        if told and _again(one, held.policy).effect != one.was.effect:
            report.unlike.append(one.exchange)
            continue
        seen = one if held.detect == draft.detect else reread(one)
        if seen is None:
            report.unjudged[_SEALED] += told
            continue
        now, passes = _drafted(seen, draft.policy, counted)
        if told and now.effect != one.was.effect:
            report.note(seen, one.was, now)
        if passes and one.passed:
            moment, size = _moment(one.said), one.call.size
            counted.add(one.principal, added(one.said, size, seen.findings), moment)
    return report


def watched(verdicts: Iterable[Judged], since: str = "", examples: int = 3) -> Report:
    """What statements in the shadow would have changed, as it was recorded."""
    report = Report(examples)
    for one in verdicts:
        if one.said.time < since:
            continue
        report.verdicts += 1
        verdict = one.said.body["verdict"]
        if verdict.get("would", one.was.action) != one.was.action:
            report.note(one, one.was, Outcome(verdict["would"], tuple(verdict["shadow"]), one.was.operators))
    return report


def _again(one: Judged, policy: Policy) -> Outcome:
    counts = one.said.body["verdict"].get("counts", {})
    return _outcome(decide(policy, one.principal, one.call, one.findings, one.direction, counts))


def _drafted(one: Judged, policy: Policy, counted: Recount) -> tuple[Outcome, bool]:
    """And whether it would pass, maybe by approval."""
    amount = added(one.said, one.call.size, one.findings)
    counts = counted.counts(one.principal, amount, _moment(one.said))
    verdict = decide(policy, one.principal, one.call, one.findings, one.direction, counts)
    return _outcome(verdict), verdict.action is not Action.BLOCK


def _outcome(verdict: Verdict) -> Outcome:
    operators = {entity: operator.name for entity, operator in verdict.operators.items()}
    return Outcome(verdict.action.name.lower(), verdict.because, operators)


def _moment(said: Entry) -> float:
    return datetime.fromisoformat(said.time).timestamp()
