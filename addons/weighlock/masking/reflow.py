"""A text as ASCII spells it: what models and programs make of the signs of a pseudonym on its way, undone."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

_ODD = re.compile(
    r"%(?P<percent>[2-7][0-9A-Fa-f])"
    r"|&(?:amp;){0,3}(?P<entity>lt|gt|lowbar|UnderBar|nbsp|hyphen|dash|#[0-9]{1,5}|#[xX][0-9A-Fa-f]{1,4});"
    r"|\\{1,4}(?:u00(?P<unit>[2-7][0-9A-Fa-f])|(?P<sign>[!-/:-@\[\]-`{-~]))"
    "|(?P<wide>[\u00a0\u00ab\u00ad\u00bb\u2000-\u200f\u2010-\u2015\u202f\u2039\u203a\u2060\u2212\u2329\u232a\u27e8\u27e9"
    "\u3000\u3008-\u300b\ufe58\ufe63\ufeff\uff01-\uff5e\U0001d400-\U0001d7ff])"
)
_LIKE = str.maketrans("\u00ab\u00bb\u2039\u203a\u27e8\u27e9\u3008\u3009\u300a\u300b\u2212", "<><><><><>-")


@dataclass(frozen=True, slots=True)
class Plain:
    """*text* is another with some of its spans replaced: *ends* are their ends here, *origins* their spans there."""

    text: str = field(repr=False)
    ends: list[int] = field(default_factory=list, repr=False)
    starts: list[int] = field(default_factory=list, repr=False)
    origins: list[tuple[int, int]] = field(default_factory=list, repr=False)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]`, which is not empty, comes from."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> tuple[int, int]:
        """Of one character."""
        number = bisect_right(self.starts, at) - 1
        if number < 0:
            return at, at + 1
        if at < self.ends[number]:
            return self.origins[number]
        moved = self.origins[number][1] - self.ends[number]
        return at + moved, at + moved + 1


def plainly(text: str) -> Plain:
    """Percent-encoding, HTML entities, escapes of Markdown and JSON, wide and styled letters, dashes, brackets of other
    kinds; what nobody sees is gone.
    """
    parts: list[str] = []
    plain = Plain("")
    position = size = 0
    for match in _ODD.finditer(text):
        made = _made(match)
        if made is None:
            continue
        parts += (text[position : match.start()], made)
        size += match.start() - position
        plain.starts.append(size)
        size += len(made)
        plain.ends.append(size)
        plain.origins.append(match.span())
        position = match.end()
    return Plain("".join((*parts, text[position:])), plain.ends, plain.starts, plain.origins)


def _made(match: re.Match[str]) -> str | None:
    """In ASCII; None for what is something else."""
    kind = match.lastgroup or ""
    if kind in ("percent", "unit"):
        return chr(int(match[kind], 16))
    if kind == "sign":
        return match[kind]
    made = _ascii(html.unescape(f"&{match[kind]};") if kind == "entity" else match[kind])
    return made if made.isascii() else None


@lru_cache(1024)
def _ascii(char: str) -> str:
    category = unicodedata.category(char) if len(char) == 1 else ""
    if category in ("Cf", "Pd", "Zs"):
        return {"Cf": "", "Pd": "-", "Zs": " "}[category]
    return unicodedata.normalize("NFKC", char).translate(_LIKE)
