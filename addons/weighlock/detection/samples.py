"""A rule's own examples, filled in and tried: the proof that it finds what it should, and nothing else."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from weighlock.detection.rules import Rule

ALPHABETS: Mapping[str, str] = MappingProxyType(
    {
        "alnum": string.ascii_letters + string.digits,
        "hex": "0123456789abcdef",
        "digit": string.digits,
        "upper": string.ascii_uppercase,
        "base32": string.ascii_uppercase + "234567",
        "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    }
)
SEPARATORS = ("\n", " ", ", ", "\u00a0")
"""What stands between the values of a list. A pattern must not take them away from the next value."""
LIST = 5
"""Values of a list."""
_BLANK = re.compile(rf"\{{({'|'.join(ALPHABETS)}):([0-9]{{1,4}})\}}")

Find = Callable[[str], Sequence[str]]
"""The values that a rule finds in a text."""


class Chance(Protocol):
    """As random.Random has it."""

    def choices(self, population: str, *, k: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """*sample* is *example* as it was filled in."""

    example: str
    sample: str = field(repr=False)
    reason: str


def filled(example: str, chance: Chance) -> str:
    r"""`{alnum:20}` becomes twenty such characters, `\n` the end of a line."""
    text = _BLANK.sub(lambda blank: "".join(chance.choices(ALPHABETS[blank[1]], k=int(blank[2]))), example)
    return text.replace("\\n", "\n")


def failures(rule: Rule, find: Find, chance: Chance) -> Iterator[Failure]:
    """Of *rule*'s examples, each filled in once."""
    for example in rule.match:
        yield from match_failures(example, find, chance)
    for example in rule.clear:
        yield from clear_failures(example, find, chance)


def match_failures(example: str, find: Find, chance: Chance) -> Iterator[Failure]:
    sample = filled(example, chance)
    found = find(sample)
    if not found:
        yield Failure(example, sample, "should match")
        return
    for separator in SEPARATORS:
        listed = separator.join([sample] * LIST)
        if len(find(listed)) != LIST * len(found):
            yield Failure(example, listed, f"should match {LIST} times in a list of {LIST}")


def clear_failures(example: str, find: Find, chance: Chance) -> Iterator[Failure]:
    sample = filled(example, chance)
    if find(sample):
        yield Failure(example, sample, "should be clear")
