"""Numbers that stand for a name, as a card's does, where a program took them for a quantity: 4111.0, 4.111e3."""

from __future__ import annotations

import re
from decimal import Decimal

import re2

from weighlock.detection.views.view import View

_FEWEST, _MOST = 9, 40
"""Digits of a number that may be one."""
_QUANTITY = re.compile(
    r"(?<![\w.])(?P<whole>[0-9]{1,40})(?:[.,](?P<part>[0-9]{1,40}))?(?:[eE]\+?(?P<power>[0-9]{1,2}))?(?!\w|\.[0-9])"
)
_GATE = re2.compile(rb"[0-9]{9}[.,]0|[0-9]{9}[eE]\+?[0-9]|[0-9][.,][0-9]{8,40}[eE]\+?[0-9]")


def numeral(view: View) -> View:
    """*view* itself where no whole number is spelled so."""
    if not _GATE.search(view.text.encode()):
        return view
    return view.rewritten("numeral", _QUANTITY, _digits)


def _digits(match: re.Match[str]) -> str | None:
    """All digits of a whole number; None for any other, and for what is rounded or is one as it stands."""
    whole, part, power = match["whole"], match["part"] or "", match["power"]
    value = Decimal(f"{whole}.{part or 0}").scaleb(int(power or 0))
    digits = len((whole + part).strip("0"))
    if not (part or power) or digits < _FEWEST - 1 or value != value.to_integral_value():
        return None
    said = f"{value.to_integral_value():f}"
    return said if _FEWEST <= len(said) <= _MOST else None
