"""Views of a text: what hides a value from a pattern undone, and what is found there mapped back to the original.

raw        the text itself; it is not among the views
canonical  escapes, entities, percent-encoding, markup, invisible characters, typography and look-alikes undone
decoded    base64, base32, hex and gzip opened, as deep as they are nested, and made canonical
despaced   characters that stand apart joined
spoken     digits in words, and addresses with "at" and "dot", written out
unwrapped  lines joined
numeral    whole numbers written as quantities, with an exponent or nothing behind the point
parted     values glued to words
raised     codes in capitals
rot13      codes turned by thirteen letters
reversed   codes turned round
lettered   names and addresses with letters for their digits
"""

from __future__ import annotations

from weighlock.detection.views.canonical import canonical
from weighlock.detection.views.layers import decoded
from weighlock.detection.views.numerals import numeral
from weighlock.detection.views.spacing import spelled, unwrapped
from weighlock.detection.views.turned import turned
from weighlock.detection.views.view import View

__all__ = ["JOINED", "TURNED", "View", "views"]

JOINED = frozenset({"despaced", "spoken", "unwrapped"})
"""The views that may join what does not belong together."""
TURNED = frozenset({"numeral", "parted", "raised", "rot13", "reversed", "lettered"})
"""The views that may make a value of what is none."""


def views(text: str) -> list[View]:
    """Those of *text* that differ from it and from each other. Raises Unsupported for what is nested without end."""
    plain = canonical(View("raw", text))
    opened = decoded(plain)
    quantities = map(numeral, dict.fromkeys((plain, opened)))  # digits alone may pass for hex
    found = [plain, opened, *spelled(opened), unwrapped(opened), *quantities, *turned(opened)]
    return [view for at, view in enumerate(found) if view.name != "raw" and view not in found[:at]]
