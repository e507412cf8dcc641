"""Rule files, read strictly: every complaint names file, line and column; an unknown key, the nearest known one.

YAML 1.2 with no duplicate keys, no anchors, no aliases and no tags, so that what a person reads is what is loaded.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.tokens import AliasToken, AnchorToken, TagToken

from weighlock.errors import ConfigError

LIMIT = 1 << 20
"""Largest rule file, in characters."""

_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing"}


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a rule file that knows where it stands. Every reader raises ConfigError with that place."""

    yaml: YamlNode
    file: str

    @property
    def where(self) -> str:
        return f"{self.file}:{self.yaml.start_mark.line + 1}:{self.yaml.start_mark.column + 1}"

    def error(self, message: str) -> ConfigError:
        return ConfigError(message, self.where)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.yaml, MappingNode)

    def mapping(self, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Node]:
        """The members by name; an unknown one, or a *required* one that is missing, is an error."""
        known = [*required, *optional]
        members = dict(self.members())
        for name, value in members.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
                raise value.error(f"unknown key {name!r}; {hint}")
        for name in required:
            if name not in members:
                raise self.error(f"{name!r} is missing")
        return members

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of a mapping whose names are free."""
        if not isinstance(self.yaml, MappingNode):
            raise self.error(f"expected a mapping, found {self._kind}")
        seen = set()
        for key, value in self.yaml.value:
            name = Node(key, self.file)
            if not isinstance(key, ScalarNode):
                raise name.error("a key must be text")
            if key.value in seen:
                raise name.error(f"{key.value!r} stands here twice")
            seen.add(key.value)
            yield key.value, Node(value, self.file)

    def sequence(self) -> list[Node]:
        if not isinstance(self.yaml, SequenceNode):
            raise self.error(f"expected a list, found {self._kind}")
        return [Node(item, self.file) for item in self.yaml.value]

    def text(self, pattern: str = r"(?s).+", hint: str = "text") -> str:
        """A scalar's own spelling (`no`, `1.10` and `2026-01-01` stay as written) that fully matches *pattern*."""
        if not isinstance(self.yaml, ScalarNode) or self._kind == "nothing":
            raise self.error(f"expected {hint}, found {self._kind}")
        value: str = self.yaml.value
        if not re.fullmatch(pattern, value):
            raise self.error(f"{value!r} is not {hint}")
        return value

    def strings(self, pattern: str = r"(?s).+", hint: str = "text") -> tuple[str, ...]:
        return tuple(item.text(pattern, hint) for item in self.sequence())

    def choice(self, options: Collection[str]) -> str:
        value = self.text()
        if value not in options:
            near = difflib.get_close_matches(value, list(options), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(options)}"
            raise self.error(f"{value!r} is not known here; {hint}")
        return value

    def integer(self, low: int, high: int) -> int:
        text = self.text(r"-?[0-9]{1,18}", "a whole number")
        if not low <= int(text) <= high:
            raise self.error(f"{text} is not between {low} and {high}")
        return int(text)

    def number(self, low: float, high: float) -> float:
        text = self.text(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", "a number")
        if not low <= float(text) <= high:
            raise self.error(f"{text} is not between {low:g} and {high:g}")
        return float(text)

    def boolean(self) -> bool:
        return self.text("true|false", "true or false") == "true"

    def read[T](self, reader: Callable[[str], T], what: str) -> T:
        """*reader* over the text; its ValueError becomes a ConfigError that says *what* was expected."""
        text = self.text()
        try:
            return reader(text)
        except ValueError:
            raise self.error(f"{text!r} is not {what}") from None

    @property
    def _kind(self) -> str:
        if isinstance(self.yaml, MappingNode):
            return "a mapping"
        if isinstance(self.yaml, SequenceNode):
            return "a list"
        return _KINDS.get(str(self.yaml.tag).rpartition(":")[2], "something else")


@lru_cache(4096)
def parse(text: str, file: str) -> Node:
    """The one document in *text*. *file* is how the errors call it. A file that did not change is not read again."""
    if len(text) > LIMIT:
        raise ConfigError(f"larger than {LIMIT} characters", file)
    yaml: Any = YAML(typ="safe", pure=True)
    try:
        for token in yaml.scan(text):
            if isinstance(token, AnchorToken | AliasToken | TagToken):
                mark = token.start_mark
                raise ConfigError(
                    "anchors, aliases and tags are not read here", f"{file}:{mark.line + 1}:{mark.column + 1}"
                )
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise ConfigError(f"not YAML: {error.problem or error.context}", place) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"not YAML: {type(error).__name__}", file) from None
    if node is None:
        raise ConfigError("empty", file)
    return Node(node, file)
