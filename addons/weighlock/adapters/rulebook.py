"""rules/: read whole and checked whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import weighlock
from weighlock import rulefile
from weighlock.adapters import rulecheck
from weighlock.destination import Destination
from weighlock.detection import rules as detection
from weighlock.detection.rules import RuleSet
from weighlock.dialects import DIALECTS
from weighlock.errors import ConfigError
from weighlock.identity import issuers, people, transmitters, workloads
from weighlock.identity.issuers import Issuer
from weighlock.identity.people import Person
from weighlock.identity.transmitters import Transmitter
from weighlock.identity.workloads import Workload
from weighlock.model import Action
from weighlock.policy import cases, destinations, manifest, schema
from weighlock.policy.cases import Case
from weighlock.policy.schema import OperatorTable
from weighlock.policy.statements import Policy
from weighlock.rulefile import Node

LIMIT = 16 << 20
"""Bytes of all rule files together."""
DETECT, POLICY, CASES = "detect/", "policy/", ".cases.yaml"


@dataclass(frozen=True, slots=True)
class IdentityRules:
    issuers: Mapping[str, Issuer]
    people: tuple[Person, ...]
    workloads: tuple[Workload, ...]
    transmitters: Mapping[str, Transmitter] = field(default_factory=dict)

    def is_opaque(self, value: str) -> bool:
        """Whether *value* is an opaque token of one of the issuers; Unidentified where it could be of two."""
        return issuers.opaque(self.issuers, value) is not None

    def workload(self, id: str) -> Workload:
        """Of a principal that was identified by these rules."""
        return next(workload for workload in self.workloads if workload.id == id)


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules. An exchange keeps the one that it began with."""

    destinations: Mapping[tuple[str, int], Destination]
    identity: IdentityRules
    policy: Policy
    detect: RuleSet
    digest: str = field(default="")
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The files of the policy, as they stand."""
    warnings: tuple[str, ...] = ()
    """What is no mistake, and seldom meant; with its place."""
    version: int = 0
    """Of signed rules, where they must be."""

    def __str__(self) -> str:
        """What tells them from all others."""
        return f"{self.digest}, signed as version {self.version}" if self.version else self.digest


NONE = Rules({}, IdentityRules({}, (), ()), Policy((), Action.BLOCK, None, {}), RuleSet((), "", ""))
"""What is in force while there was no good version yet: nobody is known, and nothing is listed or allowed."""


def shipped() -> Path:
    """The rules inside the wheel, else those of the checkout."""
    package = Path(weighlock.__file__).parent
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent.parent / "rules"


def read(folder: Path) -> dict[str, str]:
    """Every rule file's text, by its path within *folder*. Raises ConfigError for a file that has no place there."""
    files = contents(folder)
    files.pop(manifest.NAME, None)
    return files


def contents(folder: Path) -> dict[str, str]:
    """As `read`, and the manifest where they are signed."""
    files: dict[str, str] = {}
    size = 0
    try:
        for name, entry in _walk(str(folder), "", ()) if folder.is_dir() else ():
            if entry.name == "README.md":
                continue
            if not name.endswith(".yaml") and name != manifest.NAME:
                raise ConfigError("only .yaml files and README.md belong among the rules", name)
            if not entry.is_file():
                raise ConfigError("not a file that can be read", name)
            size += entry.stat().st_size
            if size > LIMIT:
                raise ConfigError(f"the rules are over {LIMIT} bytes", str(folder))
            files[name] = Path(entry.path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", str(folder)) from None
    if not files:
        raise ConfigError("no rules here; `--rules` names their folder", str(folder))
    return files


def marks(folder: Path) -> tuple[tuple[object, ...], ...]:
    """What the file system says of every file that `contents` reads: name, device, inode, size, times. Raises OSError.

    A change leaves these as they are only within the grain of the file system's clock, or where one is remote and keeps
    what it knew.
    """
    said = ((name, entry.stat()) for name, entry in _walk(str(folder), "", ()))
    return tuple((name, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in said)


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What is not hidden, by its path; linked folders too: as a ConfigMap is mounted, every folder is a link."""
    above = (*above, os.path.realpath(folder))
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        name = f"{prefix}{entry.name}"
        if not entry.is_dir():
            yield name, entry
        elif os.path.realpath(entry.path) in above:
            raise ConfigError("a link to a folder that it lies in", name)
        else:
            yield from _walk(entry.path, f"{name}/", above)


def digest(files: Mapping[str, str]) -> str:
    """SHA-256, hex, over names and texts."""
    total = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name.encode(), text.encode()):
            total.update(len(part).to_bytes(8) + part)
    return total.hexdigest()


def compiled(files: Mapping[str, str], operators: OperatorTable) -> Rules:
    """Rules of *files*, checked and tried. Raises ConfigError with file, line and column."""
    rules, tried = checked(files, operators)
    for case in tried:
        if wrong := cases.failure(case, rules.policy):
            raise ConfigError(f"the case {case.name!r} fails: {wrong}", case.where)
    return rules


def checked(files: Mapping[str, str], operators: OperatorTable) -> tuple[Rules, tuple[Case, ...]]:
    """Rules of *files*, and the cases that are to be tried before they come into force. Raises ConfigError."""
    nodes = {name: rulefile.parse(text, name) for name, text in files.items()}
    whole = digest(files)
    policies = _taken(nodes, POLICY)
    expected = _taken(policies, POLICY, CASES)
    detect = _taken(nodes, DETECT)
    rules = Rules(
        destinations=destinations.parse(_one(nodes, "destinations.yaml"), [dialect.name for dialect in DIALECTS]),
        identity=_identity(nodes),
        policy=schema.parse(policies.values(), operators, whole),
        detect=_detection(detect),
        digest=whole,
        sources={name: text for name, text in files.items() if is_policy(name)},
    )
    for name in nodes:
        raise ConfigError("there is no such rule file; a misplaced rule would have no effect", name)
    rules = replace(rules, warnings=rulecheck.check(rules))
    return rules, cases.parse(expected.values(), rulecheck.world(rules))


def is_policy(name: str) -> bool:
    """Whether the file *name* holds statements."""
    return name.startswith(POLICY) and not name.endswith(CASES)


def detection_rules(files: Mapping[str, str]) -> RuleSet:
    """Those of *files* alone, whatever else is wrong among them. Raises ConfigError with file, line and column."""
    return _detection({name: rulefile.parse(text, name) for name, text in files.items() if name.startswith(DETECT)})


def _detection(nodes: Mapping[str, Node]) -> RuleSet:
    found = detection.rule_set(nodes)
    if not found.rules:
        raise ConfigError("no rule: no pattern would ever be found", "detect")
    return found


def _identity(nodes: dict[str, Node]) -> IdentityRules:
    known = people.parse(_one(nodes, rulecheck.PEOPLE))
    believed = issuers.parse(_one(nodes, "identity/issuers.yaml"))
    return IdentityRules(
        believed,
        known,
        workloads.parse(_one(nodes, rulecheck.WORKLOADS), known),
        transmitters.parse(_one(nodes, "identity/transmitters.yaml"), believed),
    )


def _one(nodes: dict[str, Node], name: str) -> Node:
    if name not in nodes:
        raise ConfigError("this file is missing", name)
    return nodes.pop(name)


def _taken(nodes: dict[str, Node], folder: str, suffix: str = "") -> dict[str, Node]:
    return {name: nodes.pop(name) for name in list(nodes) if name.startswith(folder) and name.endswith(suffix)}
