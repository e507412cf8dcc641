"""Values that are spelled: with gaps between their characters, or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from weighlock.detection.languages import COMMON
from weighlock.detection.views.view import View

_APART = r"(?:[^\s][ \t]{1,3}){8}[^\s]|(?:[A-Za-z0-9][.,_/|:*~-]){3}[A-Za-z0-9()]"
_GAPS = re.compile(
    r"(?<!\S)\S(?:[ \t]{1,3}\S(?!\S)){8,}"
    r"|(?<![A-Za-z0-9])[A-Za-z0-9(+](?P<by>[.,_/|:*~-])[A-Za-z0-9@()](?:(?:(?P=by)(?:[ -](?P=by)|(?P=by){2})?|[ -])"
    r"[A-Za-z0-9@()]){7,}(?![A-Za-z0-9])"
)
"""Nine characters or more, which is as long as the shortest number that is looked for."""
_WIDE = re.compile(r"[ \t]+")

_NUMBERS = {
    "0": "zero oh null nul cero zéro",
    "1": "one eins uno un een één um",
    "2": "two zwei zwo dos deux due twee dois",
    "3": "three drei tres trois tre drie três",
    "4": "four vier cuatro quatre quattro quatro",
    "5": "five fünf cinco cinq cinque vijf",
    "6": "six sechs seis sei zes",
    "7": "seven sieben siete sept sette zeven sete",
    "8": "eight acht ocho huit otto oito",
    "9": "nine neun nueve neuf nove negen",
}
"""In English, German, Spanish, French, Italian, Dutch and Portuguese."""
_DIGIT = {word: digit for digit, words in _NUMBERS.items() for word in words.split()}
NUMBER_WORDS = frozenset(_DIGIT)
_NUMBER = "(?:" + "|".join(sorted(_DIGIT, key=len, reverse=True)) + ")"
_COUNTED = f"(?i:{_NUMBER}(?:[\\s,.-]{{1,4}}{_NUMBER}){{3}})"
_PART = rf"(?:{_NUMBER}\b|[A-Za-z0-9()+](?![A-Za-z0-9]))"
_DIGITS = re.compile(rf"(?i)(?<![A-Za-z0-9]){_PART}(?:[\s,.-]{{1,4}}{_PART}){{8,}}")
_STEP = re.compile(r"(?P<word>\w+)|(?P<break>[\s,.-]+)")

_AT = r"\s{0,2}[\[({<]\s?(?:at|arroba|@)\s?[\])}>]\s{0,2}"
_BARE_AT = r"\s{1,2}(?:at|arroba)\s{1,2}"
_DOT_WORD = r"(?:dot|punkt|punto|point|punt|ponto)"
_DOT = rf"(?:\s{{0,2}}[\[({{<]\s?(?:{_DOT_WORD}|\.)\s?[\])}}>]\s{{0,2}}|\s{{1,2}}{_DOT_WORD}\s{{1,2}})"
_LABEL = r"[A-Za-z0-9][A-Za-z0-9_+-]{0,40}"
_SAID = r"(?i:[\[({<\s](?:at|arroba|@)[\])}>\s])"
_GATE = re2.compile(f"{_APART}|{_COUNTED}|{_SAID}".encode())
ADDRESS = (
    rf"(?i)\b{_LABEL}(?:(?:\.|{_DOT}){_LABEL}){{0,4}}"
    rf"(?:{_AT}{_LABEL}(?:(?:\.|{_DOT}){_LABEL}){{0,4}}(?:\.|{_DOT})|{_BARE_AT}{_LABEL}(?:{_DOT}{_LABEL}){{0,4}}{_DOT})"
    r"[a-z]{2,12}\b"
)
"""With a bare "at", the dots must be words too: "look at example.com" is no address."""
_ADDRESS = re.compile(ADDRESS)
_LEADING = re.compile(r"[\w-]+")


def addresses(text: str) -> Iterator[re.Match[str]]:
    """Addresses in words. None begins with a word such as "the" or "look": sentences have those before an "at"."""
    position = 0
    while match := _ADDRESS.search(text, position):
        if begins_address(match[0]):
            yield match
            position = match.end()
        else:
            word = _LEADING.match(text, match.start())
            position = word.end() if word else match.end()


def begins_address(text: str) -> bool:
    """Whether its first word may be one of an address."""
    word = _LEADING.match(text)
    return word is None or word[0].lower() not in COMMON


_SIGNS = re.compile(rf"(?i)(?P<at>{_AT}|{_BARE_AT})|(?P<dot>{_DOT})")

_LINE_BREAK = re2.compile(rb"[0-9@]\S{0,40}[ \t]{0,8}\r?\n\s*\S|\n[ \t]{0,8}\S{0,40}[0-9@]")
_LINE_END = re.compile(r"(?<=[^\s.,;:!?])[ \t]{0,8}\r?\n[ \t]{0,8}(?=\S)")
_GROUPS = re.compile(r"(?<![0-9A-Z])(?:[0-9A-Z]{3} [0-9A-Z]{3}|[0-9A-Z]{4} [0-9A-Z]{4})\Z")
_ENDS, _BEGINS = re.compile(r"[0-9@]\S{0,40}\Z"), re.compile(r"\S{0,40}?[0-9@]")


def unwrapped(view: View) -> View:
    """*view* itself where no line ends within what may be a value."""
    if not _LINE_BREAK.search(view.text.encode()):
        return view
    return view.rewritten("unwrapped", _LINE_END, _together)


def spelled(view: View) -> Iterator[View]:
    """Those of *view* in which what stands apart is joined, and what is said in words is written out."""
    if not _GATE.search(view.text.encode()):
        return
    yield view.rewritten("despaced", _GAPS, _joined)
    counted = view.rewritten("spoken", _DIGITS, lambda match: _STEP.sub(_digit, match[0]))
    yield counted.rewritten("spoken", addresses, lambda match: _SIGNS.sub(_sign, match[0]))


def _together(match: re.Match[str]) -> str | None:
    """Nothing, where the word before or behind holds a digit or an `@`; a gap, where that stood between groups."""
    text, (start, end) = match.string, match.span()
    before = text[max(0, start - 40) : start]
    if not _ENDS.search(before) and not _BEGINS.match(text, end):
        return None
    return " " if match[0].strip("\r\n") == " " or _GROUPS.search(before) else ""


def _joined(match: re.Match[str]) -> str:
    """Without the gaps; a wider one was a gap before."""
    by = match["by"]
    if by is None:
        return _WIDE.sub(lambda gap: " " if len(gap[0]) > 2 else "", match[0])
    return by.join(part.replace(by, "") for part in match[0].split(3 * by))


def _digit(match: re.Match[str]) -> str:
    """A word's digit; a dash stays, a comma or a wider gap was one before."""
    if word := match["word"]:
        return _DIGIT.get(word.lower(), word)
    gap = match["break"]
    return "-" if "-" in gap else " " if len(gap) > 2 or "," in gap else ""


def _sign(match: re.Match[str]) -> str:
    return "@" if match["at"] else "."
