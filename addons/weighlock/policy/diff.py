"""What one policy says and another does not, statement by statement and member by member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ruamel.yaml.nodes import SequenceNode

from weighlock import rulefile
from weighlock.rulefile import Node


@dataclass(frozen=True, slots=True)
class Change:
    """Of one member of a statement; an empty text is for nothing."""

    statement: str
    member: str
    old: str
    new: str


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Between the files of two policies, which can both be loaded. Where a statement stands makes no difference."""
    before, after = _statements(old), _statements(new)
    for id in sorted(before.keys() | after.keys()):
        one, other = before.get(id, {}), after.get(id, {})
        for member in [*one, *(name for name in other if name not in one)]:
            if one.get(member) != other.get(member):
                yield Change(id, member, one.get(member, ""), other.get(member, ""))


def _statements(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By id, as members by their path. What a policy says besides stands among them under its own name."""
    found: dict[str, dict[str, str]] = {}
    for name, text in files.items():
        members = dict(rulefile.parse(text, name).members())
        for item in members["statements"].sequence():
            held = dict(_members(item))
            found[held.pop("id")] = held
        if "uncovered" in members:
            found["uncovered"] = dict(_members(members["uncovered"]))
        if "spoken_in_replies" in members:
            found["spoken_in_replies"] = dict(_members(members["spoken_in_replies"], "is"))
    return found


def _members(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    if node.is_mapping:
        for name, value in node.members():
            yield from _members(value, f"{path}.{name}" if path else name)
        if path and not list(node.members()):
            yield path, "{}"
    elif isinstance(node.yaml, SequenceNode):
        yield path, ", ".join(sorted(str(item.yaml.value) for item in node.sequence()))
    else:
        yield path, str(node.yaml.value)
