"""Lists of numbers that are bytes: as programs write a text that they hold as such."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from weighlock.model import Role, Text

SHORTEST = 6
"""Bytes from which a list may say something."""


def spelt(texts: Iterable[Text]) -> list[Text]:
    """What those of *texts* that are numbers of one list spell: inspected as one, which cannot be masked."""
    lists: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        if text.role is Role.NUMBER:
            place, _, number = text.pointer.rpartition("/")
            if number.isdecimal():
                lists[place].append(text.value)
    return [Text(f"joined:{place}", Role.KEY, said) for place, numbers in lists.items() if (said := _said(numbers))]


def _said(numbers: list[str]) -> str:
    if len(numbers) < SHORTEST or not all(number.isdecimal() and len(number) < 4 for number in numbers):
        return ""
    values = [int(number) for number in numbers]
    if max(values) > 255:
        return ""
    data = bytes(values)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
