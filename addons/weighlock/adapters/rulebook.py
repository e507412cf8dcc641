"""rules/: read whole, checked whole, swapped whole. Whatever is wrong with a new version, the last good one stays."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import weighlock
from weighlock import rulefile
from weighlock.detection import rules as detection
from weighlock.detection.rules import RuleSet
from weighlock.dialects import DIALECTS
from weighlock.errors import ConfigError
from weighlock.identity import issuers, workloads
from weighlock.identity.issuers import Issuer
from weighlock.identity.workloads import Workload
from weighlock.model import Destination
from weighlock.policy import destinations, schema
from weighlock.policy.schema import OperatorTable, Policy
from weighlock.rulefile import Node

LIMIT = 16 << 20
"""Bytes of all rule files together."""
INTERVAL = 0.5
"""Seconds between two looks at the folder."""


@dataclass(frozen=True, slots=True)
class IdentityRules:
    issuers: Mapping[str, Issuer]
    workloads: tuple[Workload, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules. An exchange keeps the one that it began with."""

    destinations: Mapping[tuple[str, int], Destination]
    identity: IdentityRules
    policy: Policy
    detect: RuleSet
    digest: str = field(default="")


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
            if path.is_dir() or any(part.startswith(".") for part in PurePosixPath(name).parts):
                continue
            if path.name == "README.md":
                continue
            if path.suffix != ".yaml":
                raise ConfigError("only .yaml files and README.md belong among the rules", name)
            files[name] = path.read_text("utf-8")
            size += len(files[name])
            if size > LIMIT:
                raise ConfigError(f"the rules are over {LIMIT} bytes", str(folder))
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
    """Checked rules of *files*. Raises ConfigError with file, line and column."""
    nodes = {name: rulefile.parse(text, name) for name, text in files.items()}
    whole = digest(files)
    policies = _taken(nodes, "policy/")
    detect = _taken(nodes, "detect/")
    rules = Rules(
        destinations=destinations.parse(_one(nodes, "destinations.yaml"), [dialect.name for dialect in DIALECTS]),
        identity=IdentityRules(
            issuers.parse(_one(nodes, "identity/issuers.yaml")), workloads.parse(_one(nodes, "identity/workloads.yaml"))
        ),
        policy=schema.parse(policies.values(), operators, whole),
        detect=detection.rule_set(detect),
        digest=whole,
    )
    for name in nodes:
        raise ConfigError("there is no such rule file; a misplaced rule would have no effect", name)
    return rules


def _one(nodes: dict[str, Node], name: str) -> Node:
    if name not in nodes:
        raise ConfigError("this file is missing", name)
    return nodes.pop(name)


def _taken(nodes: dict[str, Node], folder: str) -> dict[str, Node]:
    return {name: nodes.pop(name) for name in list(nodes) if name.startswith(folder)}


class Rulebook:
    """The rules in force. *on_event* hears of `loaded` and `rejected`, with the digest or what is wrong."""

    def __init__(self, folder: Path, operators: OperatorTable, on_event: Callable[[str, str], None]) -> None:
        """Raises ConfigError where the rules cannot be used: there is no last good version yet."""
        self._folder, self._operators, self._on_event = folder, operators, on_event
        self._complained = ""
        self.current = compiled(read(folder), operators)

    def check(self) -> tuple[str, str] | None:
        """Look at the folder once, and swap when it changed and is good: the event, where there is one to tell."""
        try:
            files = read(self._folder)
            if digest(files) == self.current.digest:
                self._complained = ""
                return None
            self.current = compiled(files, self._operators)
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

    async def watch(self) -> None:
        """For ever. The work is done in a thread; what changes is one reference."""
        while True:
            await asyncio.sleep(INTERVAL)
            if event := await asyncio.to_thread(self.check):
                self._on_event(*event)
