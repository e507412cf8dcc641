"""What a language model marks in a text, made fit to be a finding: its edges, its parts, and what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINES = re.compile(r"[^\r\n\t]+")
_BEFORE = re.compile(r"(?:[Tt]he\s+|[\W_]+)*")
_AFTER = re.compile(r"(?:['’]s\b)?[\W_]*\Z")
_LETTER = re.compile(r"[^\W\d_]")
_NO_NAME = re.compile(r'["“”:;<>=@|{}\[\]\\_]|[0-9]{4}')
"""Names hold none of these: it is code, a quotation, or two fields of a form."""
_ACRONYM = re.compile(r"[A-Z0-9&.-]{1,5}")
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = re.compile(
    r"(?<![0-9])(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}"
    rf"|(?:[0-9]{{1,2}}\.?\s+)?\b{_MONTH}\.?\s+(?:19|20)[0-9]{{2}}"
    rf"|\b{_MONTH}\.?\s+[0-9]{{1,2}}(?:st|nd|rd|th)?(?:,?\s+[0-9]{{4}})?|[0-9]{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\b"
    r"|(?:19|20)[0-9]{2}|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?![0-9])",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:T|\s+)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:\s?[ap]m|Z|[+-][0-9]{2}:?[0-9]{2})?"
)


def tidied(text: str, entity: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a model's span that can be an *entity*: none of them crosses a line, or begins or ends with what is
    no part of a name.
    """
    if entity == "DATE_TIME":
        for date in _DATE.finditer(text, start, end):
            time = _TIME.match(text, date.end())
            yield date.start(), time.end() if time else date.end()
        return
    for line in _LINES.finditer(text, start, end):
        first = line.start() + _leading(line[0])
        value = text[first : line.end()]
        value = value[: _trailing(value)]
        if _LETTER.search(value) and not _NO_NAME.search(value) and not _says_nothing(entity, value):
            yield first, first + len(value)


def _leading(value: str) -> int:
    match = _BEFORE.match(value)
    return match.end() if match else 0


def _trailing(value: str) -> int:
    match = _AFTER.search(value)
    return match.start() if match else len(value)


def _says_nothing(entity: str, value: str) -> bool:
    """An acronym by itself is far more often a term than an organization."""
    return entity == "ORGANIZATION" and bool(_ACRONYM.fullmatch(value))
