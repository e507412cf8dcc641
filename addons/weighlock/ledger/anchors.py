"""Anchors: places outside the host that keep checkpoints. Nobody rewrites unseen what they saw, whoever owns the host.

The file of them, read strictly, and how far they reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from weighlock.ledger.cosign import Cosigner
from weighlock.rulefile import Node
from weighlock.settings import seconds

MOST = 20
_NOTE = re.compile(r"(?:[^\n]+\n){3,9}\n(?:— [^\n]+\n)+")


class Medium(StrEnum):
    WITNESS = "witness"
    """Another host that cosigns what extends all that it cosigned before (C2SP tlog-witness)."""
    TIMESTAMP = "timestamp"
    """An authority that signs when it saw a checkpoint (RFC 3161)."""
    FILE = "file"
    """A file that only grows, on storage that is not this host's to rewrite."""


_NEEDS = {
    Medium.WITNESS: ("url", "key"),
    Medium.TIMESTAMP: ("url", "authorities"),
    Medium.FILE: ("path",),
}
_MAY_HAVE = {Medium.WITNESS: ("ca",), Medium.TIMESTAMP: ("ca",), Medium.FILE: ()}
_EVERY = {Medium.WITNESS: 10.0, Medium.TIMESTAMP: 600.0, Medium.FILE: 60.0}


@dataclass(frozen=True, slots=True)
class Anchor:
    id: str
    medium: Medium
    every: float
    """Seconds between two checkpoints that it is given."""
    url: str = ""
    key: Cosigner | None = None
    """The witness's own."""
    authorities: str = ""
    """PEM file of the certificates that its time-stamps lead to."""
    ca: str = ""
    """PEM file of authorities that takes the place of the system's, for its connection."""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Anchors:
    listed: tuple[Anchor, ...] = ()
    needed: int = 0
    """How many of them have to have a checkpoint over an entry."""
    within: float = 0.0
    """Seconds after the entry."""
    refuse: bool = False
    """Whether nothing goes on while they are late."""

    def covered(self, sizes: Iterable[int]) -> int:
        """Entries that enough of them cover, where each covers so many."""
        return sorted(sizes, reverse=True)[self.needed - 1]


def anchors(root: Node) -> Anchors:
    """Raises ConfigError with the place."""
    said = root.mapping(required=("anchors", "needed", "within", "late"))
    found: dict[str, Anchor] = {}
    for node in said["anchors"].sequence():
        anchor = _anchor(node)
        if anchor.id in found:
            raise node.error(f"there are two anchors {anchor.id!r}")
        found[anchor.id] = anchor
    if not found or len(found) > MOST:
        raise said["anchors"].error(f"from 1 to {MOST} anchors")
    needed, within = said["needed"].integer(1, len(found)), _duration(said["within"])
    if sum(anchor.every < within for anchor in found.values()) < needed:
        raise said["within"].error(f"fewer than {needed} anchors are given checkpoints that often; see their 'every'")
    return Anchors(tuple(found.values()), needed, within, said["late"].choice(("warn", "refuse")) == "refuse")


def _anchor(node: Node) -> Anchor:
    said = dict(node.members())
    if "kind" not in said:
        raise node.error("'kind' is missing")
    medium = Medium(said["kind"].choice([one.value for one in Medium]))
    said = node.mapping(required=("id", "kind", *_NEEDS[medium]), optional=("every", *_MAY_HAVE[medium]))
    return Anchor(
        id=said["id"].text(r"[a-z0-9][a-z0-9-]{0,39}", "an id of small letters, digits and -"),
        medium=medium,
        every=_duration(said["every"]) if "every" in said else _EVERY[medium],
        url=said["url"].text(r"https?://[^\s@#]{1,2000}", "an http or https URL") if "url" in said else "",
        key=said["key"].read(Cosigner.parse, "the key that a witness prints") if "key" in said else None,
        authorities=said["authorities"].text() if "authorities" in said else "",
        ca=said["ca"].text() if "ca" in said else "",
        path=said["path"].text(r"/.+", "an absolute path") if "path" in said else "",
    )


def _duration(node: Node) -> float:
    given = node.read(seconds, "a duration such as 45s, 15m or 1h")
    if not given:
        raise node.error("longer than nothing")
    return given


def notes(text: str) -> list[str]:
    """The signed notes in *text*, one after another, whatever stands between them: what was torn off while it was being
    written is none.
    """
    return _NOTE.findall(text)
