"""`when`: a condition in the Common Expression Language (CEL) over who asks, what of, and what was found.

    principal  issuer, subject, workload, owner, groups, claims
    call       dialect, operation, destination, model, stream, size, tools
    findings   count, entities, tags, distinct: how many, by entity, by tag, and different values by entity

It has no clock, no chance and no I/O; it is bounded in length and runs over at most one list, so in time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
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


class Unevaluable(Exception):
    """A condition that says neither yes nor no."""


@dataclass(frozen=True)
class Given:
    """What statements are asked about. As conditions see it, it is made when one asks, and for all that ask for the
    same variables.
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

    def context(self, variables: frozenset[str]) -> Any:
        from cel import Context  # noqa: PLC0415, slow, and few policies need it

        if variables not in self._contexts:
            said = {"principal": self._of_principal, "call": self._of_call, "findings": self._of_findings}
            self._contexts[variables] = Context(variables={name: said[name]() for name in sorted(variables)})
        return self._contexts[variables]

    @cached_property
    def _contexts(self) -> dict[frozenset[str], Any]:
        return {}

    def _of_principal(self) -> dict[str, Any]:
        principal = self.principal
        lists = {"groups": sorted(principal.groups), "claims": dict(principal.claims)}
        return {name: getattr(principal, name) for name in KNOWN["principal"]} | lists

    def _of_call(self) -> dict[str, Any]:
        call = self.call
        said = {name: getattr(call, name) for name in KNOWN["call"] if name != "tools"}
        known = call.tools is not None and len(call.tools) <= TOOLS
        return said | {"tools": list(call.tools or ())} if known else said

    def _of_findings(self) -> dict[str, Any]:
        findings = self.findings
        return {
            "count": len(findings),
            "entities": dict(Counter(finding.entity for finding in findings)),
            "tags": dict(Counter(tag for finding in findings for tag in finding.tags)),
            "distinct": dict(Counter(entity for entity, _ in {(f.entity, f.fingerprint) for f in findings})),
        }


@dataclass(frozen=True, slots=True)
class Condition:
    source: str
    variables: frozenset[str]
    """Those that it asks for."""
    program: Any = field(repr=False, compare=False)

    @property
    def of_findings(self) -> bool:
        """Whether it asks what was found."""
        return "findings" in self.variables

    def holds(self, given: Given) -> bool:
        """Raises Unevaluable."""
        try:
            said = self.program.execute(given.context(self.variables))
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
    condition = Condition(source, frozenset(KNOWN.keys() & set(program.variables())), program)
    for sample in _samples():
        _try(condition, sample)
    return condition


def _samples() -> list[Given]:
    """Two that have nothing in common, for types."""
    who = Principal("i", "s", "w", "o", frozenset(), {}, "", 0.0)
    what = Call("openai", "chat.completions", "d", "m", False, 0, ())
    other = Principal("i2", "s2", "w2", "o2", frozenset({"g"}), {}, "", 0.0)
    return [Given(who, what, ()), Given(other, Call("x", "y", "z", "n", True, 1 << 30, (), tools=("t",)), ())]


def _try(condition: Condition, sample: Given) -> None:
    """A claim, an entity or a tag that is not there is no mistake: it may be there another time."""
    try:
        said = condition.program.execute(sample.context(condition.variables))
    except KeyError:
        return
    except Exception as error:
        raise ValueError(f"it cannot be evaluated: {str(error)[:150]}") from None
    if said not in (True, False) or not isinstance(said, bool):
        raise ValueError(f"it says {type(said).__name__}, and not true or false")
