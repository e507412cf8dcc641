"""Checks that a pattern cannot make: checksums, ranges, randomness. Each takes the matched text."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

import phonenumbers


def luhn(text: str) -> bool:
    """ISO/IEC 7812: 12 to 19 digits, not all the same, with a valid check digit."""
    digits = [int(char) for char in text if char.isascii() and char.isdigit()]
    if not 12 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: mod 97 is 1."""
    compact = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", compact):
        return False
    number = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return int(number) % 97 == 1


def us_ssn(text: str) -> bool:
    """Ranges that were ever issued (SSA, since 2011): no 000, 666, 9xx area; no 00 group; no 0000 serial."""
    digits = re.sub(r"\D", "", text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return (
        len(digits) == 9
        and area not in ("000", "666")
        and area[0] != "9"
        and group != "00"
        and serial != "0000"
        and len(set(digits)) > 1
    )


def phone(text: str) -> bool:
    """A possible number of some country, or of the USA where it names none."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number))


def public_or_private_ip(text: str) -> bool:
    """An address of a host: not unspecified, loopback, or a version number's look-alike."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast)


def random_looking(text: str) -> bool:
    """At least 3 bits a character, with digits and letters: a key, not a word."""
    if len(text) < 8 or not (re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)):
        return False
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts) >= 3.0


VALIDATORS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "luhn": luhn,
        "iban": iban,
        "us-ssn": us_ssn,
        "phone": phone,
        "ip": public_or_private_ip,
        "random": random_looking,
    }
)
