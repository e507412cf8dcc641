"""A rule as one expression that is quick to try: it matches wherever the rule does, and at times where it does not.

What makes patterns dear for an automaton is left out: alphabets other than ASCII become "not ASCII", and counts lose
their upper bounds. A rule that needs a word is looked for by the word.
"""

from __future__ import annotations

import re

from weighlock.detection.context import stem
from weighlock.detection.rules import Rule

FOLDED = re.compile("[\u0130\u017f\u212a]")
"""Letters whose other case is an ASCII one. A text that has any of them may match without matching here."""

_WORD = 4
"""The length from which a word is rare enough to be looked for by itself."""
_COUNT = 9
"""The greatest lower bound that is kept."""
_HIGH = r"\x{80}-\x{10ffff}"
_SPACE = r"\t\n\f\r "
_TOKEN = re.compile(
    r"(?P<count>\{(?P<least>\d+)(?P<more>,?)(?P<most>\d*)\})|(?P<posix>\[:\^?\w+:\])|(?P<open>\[\^?\]?)|(?P<close>\])"
    r"|(?P<property>\\[pP](?:\{\^?\w+\}|\w))|(?P<escape>\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\.)|(?P<char>.)",
    re.DOTALL,
)
_ASCII = [chr(code) for code in range(128)]


def expression(rule: Rule) -> str:
    """In syntax that RE2 and Hyperscan read alike; for a rule that cannot be put so, what matches everywhere."""
    words = rule.keywords or [stem(word) for word in rule.context]
    if words and min(map(len, words)) >= _WORD:
        return "(?i)(?:" + "|".join(map(_literal, words)) + ")"
    return relaxed(rule.pattern) or ""


def _literal(word: str) -> str:
    return "".join(char if char.isalnum() and char.isascii() else _plain(char) for char in word)


def _plain(char: str) -> str:
    return f"\\x{ord(char):02x}" if char.isascii() else f"[{_HIGH}]+"


def relaxed(pattern: str) -> str | None:
    """*pattern*, which RE2 accepts, made wider."""
    parts: list[str] = []
    tokens = list(_TOKEN.finditer(pattern))
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        kind = token.lastgroup
        if kind == "open":
            end = next((later for later in range(at, len(tokens)) if tokens[later]["close"]), None)
            members = None if end is None else _class(token[0], tokens[at:end])
            if end is None or members is None:
                return None
            parts.append(members)
            at = end + 1
        elif token["count"]:
            parts.append(_counted(int(token["least"]), token["more"], token["most"]))
        elif kind == "property":
            parts.append(f"[{_of_ascii(token[0])}{_HIGH}]")
        elif token[0] in (r"\s", r"\S"):
            parts.append(f"[{_SPACE}]" if token[0] == r"\s" else f"[^{_SPACE}]")
        elif kind == "escape" and _high(token[0]):
            parts.append(f"[{_HIGH}]")
        elif kind == "escape" and token[0][1] in "QEC":
            return None
        else:
            parts.append(f"[{_HIGH}]" if token[0] > "\x7f" else token[0])
    return "".join(parts)


def _class(opening: str, tokens: list[re.Match[str]]) -> str | None:
    """A class without its members that are not ASCII: those that it takes stand for all, those that it bars for none.

    None where a range goes from the one to the other.
    """
    members = [r"\]"] if opening.endswith("]") else []
    high, at = False, 0
    while at < len(tokens):
        token = tokens[at]
        ranged = at + 2 < len(tokens) and tokens[at + 1][0] == "-" and not token["property"]
        first, last = token[0], tokens[at + 2][0] if ranged else token[0]
        at += 3 if ranged else 1
        if token["property"]:
            members.append(_of_ascii(first))
            high = True
        elif token["posix"] or first in (r"\S", r"\W", r"\D"):
            return None
        elif first == r"\s":
            members.append(_SPACE)
        elif _high(first) != _high(last):
            return None
        elif _high(first):
            high = True
        else:
            members.append(f"{_member(first)}-{_member(last)}" if ranged else _member(first))
    inside = "".join(members)
    if opening.startswith("[^"):
        return f"[^{inside}]" if inside else rf"[\x00-\x7f{_HIGH}]"
    return f"[{inside}{_HIGH if high else ''}]"


def _member(item: str) -> str:
    return f"\\{item}" if item in "[^-&~" else item


def _high(item: str) -> bool:
    """Whether *item* is a character that is not ASCII."""
    if item.startswith(r"\x"):
        return int(item[2:].strip("{}"), 16) > 0x7F
    return item > "\x7f"


def _of_ascii(item: str) -> str:
    """The ASCII characters that have a property."""
    letters = {"L": str.isalpha, "Lu": str.isupper, "Ll": str.islower, "N": str.isdigit, "Nd": str.isdigit}
    name = item[2:].strip("{}")
    if item[1] == "p" and name in letters:
        return "".join(f"\\x{ord(char):02x}" for char in _ASCII if letters[name](char))
    return r"\x00-\x7f"


def _counted(least: int, more: str, most: str) -> str:
    if least == 0:
        return "?" if most == "1" else "*"
    if least == 1:
        return "+" if more and most != "1" else ""
    return f"{{{min(least, _COUNT)},}}"
