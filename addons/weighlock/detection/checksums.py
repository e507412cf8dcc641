"""Check digits. Each check takes a number as it was written, with any separators, and never raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

type Check = Callable[[str], bool]

_VERHOEFF_PRODUCT = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_VERHOEFF_SHIFT = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def digits_of(text: str) -> list[int]:
    """Its ASCII digits; everything else is a separator."""
    return [int(char) for char in text if "0" <= char <= "9"]


def compact(text: str) -> str:
    """Its ASCII letters and digits, in upper case."""
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def luhn_of(digits: Sequence[int]) -> bool:
    """ISO/IEC 7812, of a number that is not one digit repeated."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def luhn_with(*lengths: int, prefix: str = "") -> Check:
    """*prefix* is what stands before every number and is never written."""

    def check(text: str) -> bool:
        digits = digits_of(text)
        return len(digits) in lengths and luhn_of(digits_of(prefix) + digits)

    return check


def weighted(weights: Sequence[int], modulus: int, *, remainder: int = 0) -> Check:
    """All digits by their weights, the check digit among them, leave *remainder*."""

    def check(text: str) -> bool:
        digits = digits_of(text)
        if len(digits) != len(weights) or len(set(digits)) == 1:
            return False
        return sum(w * d for w, d in zip(weights, digits, strict=True)) % modulus == remainder

    return check


def folded(*rows: Sequence[int], ten: int = 0) -> Check:
    """One check digit at the end for each of *rows*, modulo 11, where a 10 is written as *ten*. A row weighs all
    digits before its own.
    """

    def check(text: str) -> bool:
        digits = digits_of(text)
        if len(digits) != len(rows[-1]) + 1 or len(set(digits)) == 1:
            return False
        checks = [-sum(w * d for w, d in zip(row, digits, strict=False)) % 11 for row in rows]
        return [ten if check == 10 else check for check in checks] == digits[len(rows[0]) :]

    return check


def verhoeff(text: str) -> bool:
    """Twelve digits."""
    digits = digits_of(text)
    check, shift = 0, list(range(10))
    for digit in reversed(digits):
        check = _VERHOEFF_PRODUCT[check][shift[digit]]
        shift = [_VERHOEFF_SHIFT[place] for place in shift]
    return len(digits) == 12 and len(set(digits)) > 1 and check == 0


def mod_11_10(text: str) -> bool:
    """ISO/IEC 7064 hybrid, 11 digits."""
    digits = digits_of(text)
    product = 10
    for digit in digits[:-1]:
        product = 2 * ((product + digit) % 10 or 10) % 11
    return len(digits) == 11 and (11 - product) % 10 == digits[-1]


def mod_97(text: str) -> bool:
    """ISO 13616: an IBAN, its first four characters last, is 1 modulo 97."""
    letters = compact(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", letters):
        return False
    return int("".join(str(int(char, 36)) for char in letters[4:] + letters[:4])) % 97 == 1


def repeated(weights: Sequence[int], text: str) -> int:
    """The sum of letters (A is 10) and digits by *weights*, over and over; `<` counts nothing, as in passports."""
    return sum(weights[place % len(weights)] * (int(char, 36) if char != "<" else 0) for place, char in enumerate(text))
