"""Values that do not stand as they are written: glued to words, in another case, turned round, with digits for letters.

Each view changes only what has the shape of such a value, so that ordinary text has none of them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import re2

from weighlock.detection.views.view import View

_NUMBER = r"(?:\+?\(?[0-9]{1,6}\)?(?:[ -]\(?[0-9]{2,6}\)?){2,5}|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}|[0-9]{13,19})"
_CODE = r"(?:[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?|[A-Z0-9]{16,40})"
_BEFORE, _AFTER = r"(?:[a-z_]|(?<=[A-Z]{2})[A-Z])", r"(?:[a-z_]|[A-Z](?=[A-Za-z]{2}))"
_GLUED = re.compile(
    rf"(?<![0-9A-Fa-f]{{3}})(?:{_BEFORE}{_NUMBER}(?:{_AFTER}|(?![0-9A-Za-z]))|(?<![0-9A-Za-z+(]){_NUMBER}{_AFTER}"
    rf"|[a-z_]{_CODE}(?:[a-z_]|(?![0-9A-Z]))|(?<![0-9A-Za-z]){_CODE}[a-z_])(?![0-9A-Fa-f]{{3}})"
)
"""Not in a digest, which holds any number."""
_BESIDE = re.compile(r"\A[A-Za-z_](?=[0-9+(])|\A[a-z_]|[a-z_]\Z|(?<=[0-9)])[A-Za-z_]\Z")
_SMALL = re.compile(r"(?<![A-Za-z0-9])(?=[a-z]*[0-9])(?=[0-9a-f]*[g-z])[a-z0-9]{16,40}(?![A-Za-z0-9])")
_ROTATED = re.compile(rf"(?<![A-Za-z0-9]){_CODE}(?![A-Za-z0-9])")
# Not of digits alone: one in ten numbers has the checksum of a card.
_REVERSED = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:[A-Z0-9]{1,4} ?)?(?:[A-Z0-9]{4} ?){2,7}[0-9]{2}[A-Z]{2}"
    r"|(?=[0-9]*[A-Z])[A-Z0-9]{16,40})(?![A-Za-z0-9])"
)
_LEET = r"(?:[A-Z431057][a-z]+[431057][a-z431057]*|[A-Z][431057][a-z431057]+)"
_LETTERED = re.compile(rf"(?<=@)[\w.-]{{1,60}}\.(?:c0m|n37|0rg|3du|g0v|1nf0|b1z)\b|\b{_LEET} {_LEET}\b")
_LETTERS = str.maketrans("431057", "aeiost")

_GATE = re2.compile(
    rb"[0-9][) -]{1,2}\(?[0-9]{2,6}\)?[ -]\(?[0-9]{2}|[0-9]{13}|[A-Z0-9]{16}|[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}"
    rb"|[0-9]{4} ?[0-9]{2}[A-Z]{2}|[a-z0-9]{16}|@\S{0,60}\.[a-z]?[013]"
    rb"|[A-Z0-9][a-z]*[431057][a-z0-9]* [A-Z0-9][a-z]*[431057]"
)
"""What is needed for any of them."""


def turned(view: View) -> Iterator[View]:
    """Those of *view* that show something else."""
    if _GATE.search(view.text.encode()):
        yield view.rewritten("parted", _GLUED, lambda match: _BESIDE.sub(r" \g<0> ", match[0]))
        yield view.rewritten("raised", _SMALL, lambda match: match[0].upper())
        yield view.rewritten("rot13", _ROTATED, lambda match: codecs.encode(match[0], "rot13"))
        yield view.rewritten("reversed", _REVERSED, lambda match: match[0][::-1])
        yield view.rewritten("lettered", _LETTERED, _lettered)


def _lettered(match: re.Match[str]) -> str:
    made = match[0].translate(_LETTERS)
    return made.title() if " " in made else made
