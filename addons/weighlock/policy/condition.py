"""`when`: a condition in the Common Expression Language (CEL) over who asks, what of, and what was found.

    principal  issuer, subject, workload, owner, groups, claims
    call       dialect, operation, destination, model, stream, size, tools
    findings   count, entities, tags, distinct: how many, by entity, by tag, and different values by entity

It has no clock, no chance and no I/O; it is bounded in length and runs over at most one list, so in time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from weighlock.model import Call, Finding, Principal

LENGTH = 1000
"""Most characters of a condition."""
TOOLS = 200
"""Most tools of a call for which a condition is evaluated; with more of them it is an error, as with tools that nobody
can tell.
"""
KNOWN = {
    "principal": ("issuer", "subject", "workload", "owner", "groups", "claims"),
    "call": ("dialect", "operation", "destination", "model", "stream", "size", "tools"),
    "findings": ("count", "entities", "tags", "distinct"),
}
FUNCTIONS = frozenset("size contains startsWith endsWith matches int uint double string type dyn".split())
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_MEMBER = re.compile(r"(?<![\w.])(principal|call|findings)\s*\.\s*([A-Za-z_]\w*)")
_STRING = re.compile(r"""[rRbB]?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


type Asks = frozenset[tuple[str, str]]
"""Variables and their members."""


class Unevaluable(Exception):
    """A condition that says neither yes nor no."""


@dataclass(frozen=True)
class Given:
    """What statements are asked about. As conditions see it, it is made when one asks, and for all that ask for the
    same of it.
    """

    principal: Principal
    call: Call
    findings: Sequence[Finding]
    counts: Mapping[str, Mapping[str, int]] | None = None
    """policy.counting.Counts; None where nobody knows."""

    @cached_property
    def kinds(self) -> Sequence[Sequence[Finding]]:
        """The findings, together those that no statement can tell apart."""
        kinds: dict[object, list[Finding]] = {}
        for finding in self.findings:
            kind = (finding.rule, finding.entity, finding.level, finding.score, finding.tags)
            kinds.setdefault(kind, []).append(finding)
        return list(kinds.values())

    def context(self, asks: Asks) -> Any:
        from cel import Context  # noqa: PLC0415, slow, and few policies need it

        if asks not in self._contexts:
            said: dict[str, dict[str, Any]] = {variable: {} for variable, _ in asks}
            for variable, member in asks:
                if (variable, member) != ("call", "tools") or self._tells_tools:
                    said[variable][member] = self._told(variable, member)
            self._contexts[asks] = Context(variables=said)
        return self._contexts[asks]

    @cached_property
    def _contexts(self) -> dict[Asks, Any]:
        return {}

    @property
    def _tells_tools(self) -> bool:
        return self.call.tools is not None and len(self.call.tools) <= TOOLS

    def _told(self, variable: str, member: str) -> Any:
        match variable, member:
            case "principal", "groups":
                return sorted(self.principal.groups)
            case "principal", "claims":
                return dict(self.principal.claims)
            case "call", "tools":
                return list(self.call.tools or ())
            case "findings", "count":
                return len(self.findings)
            case "findings", "entities":
                return dict(Counter(finding.entity for finding in self.findings))
            case "findings", "tags":
                return dict(Counter(tag for finding in self.findings for tag in finding.tags))
            case "findings", _:
                distinct = {(finding.entity, finding.fingerprint) for finding in self.findings}
                return dict(Counter(entity for entity, _ in distinct))
            case _:
                return getattr(getattr(self, variable), member)


@dataclass(frozen=True, slots=True)
class Condition:
    source: str
    asks: Asks
    """What it asks for."""
    program: Any = field(repr=False, compare=False)

    @property
    def of_findings(self) -> bool:
        """Whether it asks what was found."""
        return any(variable == "findings" for variable, _ in self.asks)

    def holds(self, given: Given) -> bool:
        """Raises Unevaluable."""
        try:
            said = self.program.execute(given.context(self.asks))
        except Exception as error:
            raise Unevaluable(type(error).__name__) from None
        if not isinstance(said, bool):
            raise Unevaluable("no boolean")
        return said


def read(source: str) -> Condition:
    """Raises ValueError with what is wrong, for all that can be told before anybody asks."""
    import cel  # noqa: PLC0415

    if len(source) > LENGTH:
        raise ValueError(f"a condition has at most {LENGTH} characters")
    try:
        program = cel.compile(source)
    except Exception as error:
        said = re.search(r"ERROR: <input>:\d+:(\d+): (.{1,150})", str(error))
        raise ValueError(f"not CEL: at character {said[1]}, {said[2]}" if said else "not CEL") from None
    bare = _STRING.sub("''", source)
    bound = _MACRO.findall(bare)
    if len(bound) > 1:
        raise ValueError("one of `all`, `exists`, `exists_one`, `map` and `filter` at most: its time must be bounded")
    for name in program.variables():
        if name not in KNOWN and name not in bound:
            raise ValueError(f"{name!r} is not known here; there are {', '.join(KNOWN)}")
    for name in program.functions():
        if re.match(r"\w", name.strip("_")) and name not in FUNCTIONS:
            raise ValueError(f"there is no function {name!r}")
    for variable, member in _MEMBER.findall(bare):
        if member not in KNOWN[variable]:
            raise ValueError(f"there is no {variable}.{member}; there are {', '.join(KNOWN[variable])}")
    condition = Condition(source, _asks(bare, KNOWN.keys() & set(program.variables())), program)
    for sample in _samples():
        _try(condition, sample)
    return condition


def _asks(bare: str, variables: Collection[str]) -> Asks:
    """*bare* is a condition without its strings. Where a variable stands otherwise than before a member's name, all
    its members are asked for.
    """
    named = _MEMBER.findall(bare)
    asks = {(variable, member) for variable, member in named if variable in variables}
    for variable in variables:
        if len(re.findall(rf"(?<![\w.]){variable}\b", bare)) > sum(one == variable for one, _ in named):
            asks |= {(variable, member) for member in KNOWN[variable]}
    return frozenset(asks)


def _samples() -> list[Given]:
    """Two that have nothing in common, for types."""
    who = Principal("i", "s", "w", "o", frozenset(), {}, "", 0.0)
    what = Call("openai", "chat.completions", "d", "m", False, 0, ())
    other = Principal("i2", "s2", "w2", "o2", frozenset({"g"}), {}, "", 0.0)
    return [Given(who, what, ()), Given(other, Call("x", "y", "z", "n", True, 1 << 30, (), tools=("t",)), ())]


def _try(condition: Condition, sample: Given) -> None:
    """A claim, an entity or a tag that is not there is no mistake: it may be there another time."""
    try:
        said = condition.program.execute(sample.context(condition.asks))
    except KeyError:
        return
    except Exception as error:
        raise ValueError(f"it cannot be evaluated: {str(error)[:150]}") from None
    if said not in (True, False) or not isinstance(said, bool):
        raise ValueError(f"it says {type(said).__name__}, and not true or false")
