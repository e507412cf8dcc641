"""Values that nobody has a use for: whoever shows one has been where it lay."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

FORMS: Mapping[str, tuple[str, str, int]] = MappingProxyType(
    {
        "credential": ("AKIA", string.ascii_uppercase + "234567", 16),
        "customer": ("cus_", string.ascii_lowercase + string.digits, 17),
    }
)
"""What it looks like → what it begins with, and how many of which characters follow: 80 bits that nobody guesses."""

_PREFIXES = ("akia", "cus")
_SHAPE = re.compile(r"(?=(akia[a-z2-7]{16}|cus[a-z0-9]{17}))")
SIZE = 20
"""Letters and digits of each."""


def mint(form: str, choice: Callable[[str], str]) -> str:
    """A new one; *choice* takes one character of many, in a way that nobody can foresee."""
    prefix, alphabet, size = FORMS[form]
    return prefix + "".join(choice(alphabet) for _ in range(size))


def candidates(folded: str) -> Iterator[tuple[int, str]]:
    """What could be one in a text of lower-case letters and digits alone: its place, and itself."""
    if any(prefix in folded for prefix in _PREFIXES):
        for match in _SHAPE.finditer(folded):
            yield match.start(), match[1]
