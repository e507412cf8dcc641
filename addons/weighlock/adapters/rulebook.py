"""rules/: read whole, checked whole, swapped whole. Whatever is wrong with a new version, the last good one stays."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

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
from weighlock.policy import cases, destinations, schema
from weighlock.policy.cases import Case
from weighlock.policy.schema import OperatorTable
from weighlock.policy.statements import Policy
from weighlock.rulefile import Node

log = logging.getLogger("weighlock")

LIMIT = 16 << 20
"""Bytes of all rule files together."""
INTERVAL = 0.5
"""Seconds between two looks at the folder."""
DETECT, POLICY, CASES = "detect/", "policy/", ".cases.yaml"
SETTLE = 0.2
"""Seconds for which a change must hold still: a file that is only half written can be good YAML that says less."""


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


def shipped() -> Path:
    """The rules inside the wheel, else those of the checkout."""
    package = Path(weighlock.__file__).parent
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent.parent / "rules"


def read(folder: Path) -> dict[str, str]:
    """Every rule file's text, by its path within *folder*. Raises ConfigError for a file that has no place there."""
    files: dict[str, str] = {}
    size = 0
    try:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if any(part.startswith(".") for part in PurePosixPath(name).parts):
                continue
            if path.is_dir():
                if path.is_symlink():
                    raise ConfigError("a linked folder is not looked into; link its files", name)
                continue
            if path.name == "README.md":
                continue
            if path.suffix != ".yaml":
                raise ConfigError("only .yaml files and README.md belong among the rules", name)
            if not path.is_file():
                raise ConfigError("not a file that can be read", name)
            with path.open("rb") as file:
                data = file.read(LIMIT - size + 1)
            size += len(data)
            if size > LIMIT:
                raise ConfigError(f"the rules are over {LIMIT} bytes", str(folder))
            files[name] = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", str(folder)) from None
    if not files:
        raise ConfigError("no rules here; `--rules` names their folder", str(folder))
    return files


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


class Rulebook:
    """The rules in force. *on_event* hears of `loaded` and `rejected`, with the digest or what is wrong."""

    def __init__(self, folder: Path, operators: OperatorTable, on_event: Callable[[str, str], None]) -> None:
        """Raises ConfigError where the rules cannot be used: there is no last good version yet."""
        self._folder, self._operators, self._on_event = folder, operators, on_event
        self._complained = ""
        self.current = self._warned(compiled(read(folder), operators))

    def check(self) -> tuple[str, str] | None:
        """Look once, and swap when the rules changed and are good: the event, where there is one to tell. Sleeps."""
        try:
            files = read(self._folder)
            if digest(files) == self.current.digest:
                self._complained = ""
                return None
            time.sleep(SETTLE)
            if read(self._folder) != files:
                return None  # still being written; the next look will see
            self.current = self._warned(compiled(files, self._operators))
        except ConfigError as error:
            complaint = str(error)
        except Exception as error:  # a defect of ours must not end the watch
            complaint = f"cannot be checked: {type(error).__name__}"
        else:
            self._complained = ""
            return "loaded", self.current.digest
        if complaint == self._complained:
            return None
        self._complained = complaint
        return "rejected", complaint

    def _warned(self, rules: Rules) -> Rules:
        for warning in rules.warnings:
            log.warning("rules: %s", warning)
        return rules

    async def watch(self, loaded: Callable[[], None]) -> None:
        """For ever. The work is done in a thread; what changes is one reference, and then *loaded* is called."""
        while True:
            await asyncio.sleep(INTERVAL)
            if event := await asyncio.to_thread(self.check):
                self._on_event(*event)
                if event[0] == "loaded":
                    loaded()
