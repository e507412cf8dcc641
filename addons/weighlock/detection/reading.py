"""Which texts a language model reads for names, and what of its guesses can be one: reading is dear, and models guess
names in code, where there are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weighlock.detection.entities import Word
from weighlock.detection.languages import STARTERS

SHORT = 64
"""Code points up to which prose is always read."""
PLAIN = 0.7
"""The share of plain words from which a text is prose."""
LETTERS = 4
"""Of a text without capitals, one in so many characters is a letter, or it is a table."""
FEW = 32
"""Words up to which single letters may be initials."""
LONG = 2.5
"""Letters to a word, on average, of what is language; English has more than four."""
SURE = 0.9
"""Probability from which a word without a capital is a name where others have one."""

_PLAIN_WORD = re.compile(
    r"(?<![^\s,])(?:[\"'“‘„«(\[*]{0,2}[^\W\d_]+(?:[-'’./&@][^\W\d_]+)*(?:[.;:!?)\]”’»*]|[\"'](?!:)){0,3}|[.;:–—-]"
    r"|[(\[$€£#+]{0,2}[0-9][0-9.:/+()-]*[%.;:!?)\]]{0,3})(?![^\s,])"
)
_ENDLESS = re.compile("[A-Za-z]{40,}")
"""Longer than any word of a language that has letters of its own case: data, however many there are of them."""
_INDENTED = re.compile(r"\n(?: {4}|\t)|\A\s*(?:#|//|\*)")
_NAME = r"[A-ZÀ-ÖØ-ÞĀ-ŽΑ-ΩА-Я](?:[a-zß-öø-ÿā-žα-ωа-я]+|\.)(?:[-'’][A-ZÀ-ÖØ-ÞĀ-ŽΑ-ΩА-Я]?[a-zß-öø-ÿā-žα-ωа-я]+)*"
_PARTICLES = "(?:(?:van|von|der|den|de|da|di|del|della|dos|la|le|du|zu|bin|el|al|ter) ){0,3}"
_FULL_NAME = re.compile(rf"(?<![\w.@#$/\\-])(?P<first>{_NAME}) {_PARTICLES}{_NAME}(?: {_NAME})*(?![\w(@\\]|[._/-]\w)")

_ALSO_NAMES = frozenset({"will", "may", "mark", "an", "so", "al", "van", "de"})
_TERMS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september"
    " october november december english german french spanish italian dutch portuguese internet python java javascript"
    " linux windows unix unicode".split()
)
_NO_NAMES = _TERMS | (STARTERS - _ALSO_NAMES)
_NAMES = frozenset({"PERSON", "ORGANIZATION", "LOCATION", "NRP"})
_SIGNS = frozenset("_=<>{}[]\\`$#%^|~")
"""What stands beside identifiers."""
_CAMEL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_NAMING = re.compile(r"(?:Mc|Mac|De|Di|Le|La|Van|O['’])[A-Z]")

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_START = re.compile(r"(?:\A|[.!?:;\n•*–—-]\s*|[.!?:]['\"”’)]\s+)['\"“‘„«(\[]*\Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """The words that a model marked in a text, and those of which it is sure that they are nothing."""

    words: Sequence[Word]
    doubted: Sequence[Word] = ()


def is_code(text: str) -> bool:
    """Whether *text* is code, a log or data rather than prose; so are the indented lines of a comment."""
    words = len(text.replace(",", " ").split())
    if len(_PLAIN_WORD.findall(text)) < PLAIN * words or _INDENTED.search(text):
        return True
    return 2 * sum(map(len, _ENDLESS.findall(text))) > len(text)


def worth_reading(text: str) -> bool:
    """Whether names may stand in *text* that nothing but a model can tell."""
    if is_code(text):
        return next(full_names(text), None) is not None
    return _has_words(text) and (len(text) <= SHORT or has_name_like(text))


def _has_words(text: str) -> bool:
    """Words, and not just letters alone or in pairs, which take a model as long as words do."""
    words = _WORD.findall(text)
    return 0 < len(words) <= FEW or sum(map(len, words)) > LONG * len(words)


def has_name_like(text: str, known: Sequence[Word] = ()) -> bool:
    """Whether a word outside *known* has a capital that is not just a sentence's; or no word has any."""
    capitals, shouted, explained = False, text.isupper(), _places(known)
    for word in _WORD.finditer(text):
        if word[0][0].islower():
            continue
        capitals = True
        if _is_term(word[0], shouted=shouted) or word.start() in explained:
            continue
        first = re.split("['’]", word[0], maxsplit=1)[0].lower()
        if first not in STARTERS or (first in _ALSO_NAMES and not _begins_sentence(text, word.start())):
            return True
    return not capitals and LETTERS * sum(map(str.isalpha, text)) > len(text)


def _is_term(value: str, *, shouted: bool) -> bool:
    """An acronym or an identifier, or a word that English writes with a capital without naming anybody by it."""
    if value.lower() in _TERMS or _CAMEL.search(value):
        return True
    return value.isupper() and not shouted


def _places(words: Iterable[Word]) -> set[int]:
    """Where *words* stand: there may be thousands, and each is asked about by thousands."""
    return {at for word in words for at in range(word.start, word.end)}


def full_names(text: str) -> Iterator[tuple[int, int]]:
    """Where words with capitals stand side by side, as first and last names do."""
    for match in _FULL_NAME.finditer(text):
        start = match.end("first") + 1 if match["first"].lower() in STARTERS else match.start()
        if " " in text[start : match.end()]:
            yield start, match.end()


def credible(text: str, words: Sequence[Word]) -> list[Word]:
    """Those of a model's *words* that can be what it takes them for: in code, only what looks like a full name."""
    words = [word for word in words if word.entity != "STREET_ADDRESS" or _can_be_address(text[word.start : word.end])]
    if is_code(text):
        return _in_full_names(text, words)
    lowered, shouted = text.islower(), text.isupper()
    return [
        word
        for word in words
        if word.entity not in _NAMES or _can_be_name(text, word, lowered=lowered, shouted=shouted)
    ]


def _can_be_address(value: str) -> bool:
    """One has a name, with a capital or a number; "item 7" is none, though "oak street 7" is."""
    words = _WORD.findall(value)
    if value.islower():
        return len(words) > 1 and any(map(str.isdigit, value))
    return bool(words)


def _can_be_name(text: str, word: Word, *, lowered: bool, shouted: bool) -> bool:
    value = text[word.start : word.end]
    if any(sign in _SIGNS for sign in text[max(0, word.start - 1) : word.start] + text[word.end : word.end + 1]):
        return False
    if " " in value:
        return True
    if word.entity != "NRP" and value.lower() in _NO_NAMES:
        return False
    if value.islower():
        return word.score >= SURE or lowered
    if value.isupper():
        return word.entity == "LOCATION" or shouted
    return _CAMEL.search(value) is None or _NAMING.match(value) is not None


def seconded(text: str, words: Sequence[Word], doubted: Sequence[Word], *, known: bool) -> list[Word]:
    """Those of a model's *words* that stand after another one looked at them, which holds *doubted* for nothing. In a
    language that is not *known* to the model, only what looks like a full name.
    """
    nothing = _places(doubted)
    left = [word for word in words if not _outvoted(text, word, nothing)]
    return left if known else _in_full_names(text, left)


def _in_full_names(text: str, words: Sequence[Word]) -> list[Word]:
    names = {at for start, end in full_names(text) for at in range(start, end)}
    return [word for word in words if not names.isdisjoint(range(word.start, word.end))]


def _outvoted(text: str, word: Word, nothing: set[int]) -> bool:
    if word.entity == "PERSON":
        return all(at in nothing for at in range(word.start, word.end) if text[at].isalnum())
    alone = word.entity in ("ORGANIZATION", "NRP") and " " not in text[word.start : word.end]
    return alone and _begins_sentence(text, word.start)


def _begins_sentence(text: str, start: int) -> bool:
    return _START.search(text[max(0, start - 8) : start]) is not None
