"""What a language model marks in a text, made fit to be a finding: its edges, its parts, and what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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
    r"|(?:19|20)[0-9]{2})(?![0-9])",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:T|\s+)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:\s?[ap]m|Z|[+-][0-9]{2}:?[0-9]{2})?"
)

_ADDRESS = frozenset({"STREET_ADDRESS", "LOCATION"})
_UNIT = r"(?:suite|apt|apartment|unit|flat|floor|box|room|no|nr)\b\.?"
_WITHIN_PLACE = re.compile(r"[\s,.\-/()]{0,4}")
_WITHIN_ADDRESS = re.compile(
    rf"(?:[\s,.#/()\-]{{0,5}}(?:(?i:{_UNIT})|[^\W\d_a-z][^\W\d_]{{0,24}}|[0-9]{{1,6}})?){{0,3}}[\s,.#/()\-]{{0,5}}"
)
"""Between parts of an address may stand a word or two that the model did not know, if they have capitals."""
_WITHIN = {
    "PERSON": re.compile(r"[ \t]{0,3}|[ \t]?[.\-'’][ \t]?"),
    "PHONE_NUMBER": re.compile(r"[ \t().+\-/]{0,3}"),
    "URL": re.compile(r"[^\s\w]{0,3}"),
    "ID_NUMBER": re.compile(r"[ \t.\-/]{0,2}"),
}
_CAPITAL = frozenset({"PERSON", "LOCATION"})
_PART = re.compile(r"[^\s]+")
_LEAST_DIGITS = {"PHONE_NUMBER": 6, "ID_NUMBER": 5}
_MIXED_CASE = re.compile(r"[^\s.!?:\"'“>*\-]\s+(?!I\b)[^\W\d_]*(?-i:[A-ZÀ-ÖØ-ÞΑ-ΩА-Я])")
"""A capital within a sentence."""


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


@dataclass(frozen=True, slots=True)
class Word:
    """A word that a model marked as (a part of) an *entity*, or with none, as no such thing. Its *score* is the
    probability that it is personal data of any kind.
    """

    start: int
    end: int
    entity: str
    score: float


def joined(text: str, words: Iterable[Word]) -> list[Word]:
    """Words of one entity that stand together are one. An address goes over lines, and a name in it is a part of it."""
    found: list[Word] = []
    for word in words:
        if not word.entity:
            continue
        if found and _go_together(text, found[-1], word):
            found[-1] = _one(found[-1], word)
        else:
            found.append(word)
        if len(found) > 2 and _name_in_address(text, *found[-3:]):
            found[-3:] = [_one(found[-3], found[-1])]
    if _MIXED_CASE.search(text):
        found = [_with_capitals(text, word) if word.entity in _CAPITAL else word for word in found]
    return [word for word in found if _plausible(word.entity, text[word.start : word.end])]


def _one(first: Word, last: Word) -> Word:
    entity = first.entity if first.entity == last.entity else "STREET_ADDRESS"
    return Word(first.start, last.end, entity, max(first.score, last.score))


def _go_together(text: str, first: Word, last: Word) -> bool:
    gap = text[first.end : last.start]
    if first.entity in _ADDRESS and last.entity in _ADDRESS:
        within = _WITHIN_ADDRESS if "STREET_ADDRESS" in (first.entity, last.entity) else _WITHIN_PLACE
        return within.fullmatch(gap) is not None
    return first.entity == last.entity and _WITHIN.get(first.entity, _WITHIN_PLACE).fullmatch(gap) is not None


def _name_in_address(text: str, before: Word, name: Word, after: Word) -> bool:
    return (
        name.entity == "PERSON"
        and {before.entity, after.entity} <= _ADDRESS
        and text[before.end : name.start].strip(" ,") == ""
        and text[name.end : after.start].strip(" ,") == ""
    )


def _with_capitals(text: str, word: Word) -> Word:
    """Where other words have capitals, a name begins and ends with one, or with a number."""
    parts = [part for part in _PART.finditer(text, word.start, word.end) if not part[0].islower()]
    return replace(word, start=parts[0].start(), end=parts[-1].end()) if parts else replace(word, end=word.start)


def _plausible(entity: str, value: str) -> bool:
    """A number has digits, and a name letters."""
    if entity in _LEAST_DIGITS:
        return sum(map(str.isdigit, value)) >= _LEAST_DIGITS[entity]
    return value != "" and (entity != "PERSON" or _LETTER.search(value) is not None)
