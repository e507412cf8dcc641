"""Checks that a pattern cannot make: checksums, ranges, randomness. Each takes the matched text."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import phonenumbers

from weighlock.detection.checksums import Check, compact, digits_of, luhn_of, mod_97
from weighlock.detection.coins import COINS
from weighlock.detection.fields import NO_COMPANY, NO_PERSON, named, own_title, own_words
from weighlock.detection.hosts import mailbox, website
from weighlock.detection.nationals import NATIONAL


def luhn(text: str) -> bool:
    """ISO/IEC 7812: 12 to 19 digits, not all the same, with a valid check digit."""
    digits = digits_of(text)
    return 12 <= len(digits) <= 19 and luhn_of(digits)


def payment_card(text: str) -> bool:
    """Luhn, a network's prefix and length, and one way of grouping: no run of digits that happen to add up."""
    separators = set(re.sub(r"[0-9]", "", text))
    groups = re.findall(r"[0-9]+", text)
    if len(separators) > 1 or (separators and not all(2 <= len(group) <= 13 for group in groups)):
        return False
    return luhn(text) and bool(_CARD.fullmatch("".join(groups)))


_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|220[0-4]\d{12,15}"  # Mir
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|09|[689]\d)\d{11,16}"  # Diners Club
    r"|35(?:\d{14}|(?:2[89]|[3-8]\d)\d{13,15})|(?:2131|1800)\d{11}"  # JCB
    r"|(?:6011|64[4-9]\d|65\d\d|62\d\d|8[12]\d\d)\d{12,15}"  # Discover, UnionPay, RuPay
    r"|(?:50|5[6-8]|6\d)\d{10,17}"  # Maestro and national cards
)


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


def us_itin(text: str) -> bool:
    """A 9, and a group that the IRS issues."""
    digits = re.sub(r"\D", "", text)
    return bool(re.fullmatch(r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[0-9]{4}", digits))


def phone(text: str) -> bool:
    """A number of some country, or of the USA where it names none. One with a country's code that stands in groups is
    known by its shape: ranges are assigned later than they are listed.
    """
    if re.fullmatch(r"00[0-9]+", text):  # a number with leading zeros
        return False
    return _of_region(re.sub(r"^\(?00", "+", text), "US") or (text.lstrip("(").startswith("+") and _in_groups(text))


def _in_groups(text: str) -> bool:
    groups = re.findall(r"[0-9]+", re.sub(r"(?i)[ ,;]*(?:x|[a-z]{3,}).*", "", text))
    digits = sum(map(len, groups))
    return 9 <= digits <= 15 and 3 <= len(groups) <= digits // 2 and not _DATE.search(text)


def phone_of_europe(text: str) -> bool:
    """At least nine digits with the trunk prefix 0, valid in a country that writes one."""
    regions = ("DE", "FR", "GB", "NL", "BE", "CH", "AT", "IT", "SE", "FI")
    return len(digits_of(text)) >= 9 and dialled(text) and any(_of_region(text, region) for region in regions)


def _of_region(text: str, region: str) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, region)))
    except phonenumbers.NumberParseException:
        return False


def dialled(text: str) -> bool:
    """7 to 15 digits that are neither a date nor one digit repeated."""
    digits = digits_of(text)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 2:
        return False
    return not _DATE.search(text)


_DATE = re.compile(r"(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?|\b\d\d?([-/.])\d\d?\1(?:19|20)\d\d\b")


def public_or_private_ip(text: str) -> bool:
    """An address of a host: not unspecified, loopback, or a version number's look-alike."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    nowhere = address.is_unspecified or address.is_loopback or address.is_multicast
    return not (nowhere or re.match(r"0\.|255\.", text))


def mac_address(text: str) -> bool:
    """Not the address of nobody or of everybody."""
    return len(set(compact(text))) > 1


def random_looking(text: str) -> bool:
    """At least 3 bits a character, with digits and letters: a key, not a word."""
    if len(text) < 8 or not (re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)):
        return False
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts) >= 3.0


def imei(text: str) -> bool:
    digits = digits_of(text)
    return len(digits) == 15 and luhn_of(digits)


def vin(text: str) -> bool:
    """ISO 3779, with the check character of North America and China, or one of a European maker's. A maker's code has
    a letter.
    """
    letters = compact(text)
    if not re.fullmatch(r"(?![0-9]{3})[A-HJ-NPR-Z0-9]{14}[0-9]{3}", letters):
        return False
    total = sum(
        w * _VIN.get(char, 0)
        for w, char in zip((8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), letters, strict=True)
    )
    return "0123456789X"[total % 11] == letters[8] or (
        letters[0] in "STUVWXYZ" and any(c.isalpha() for c in letters[1:3])
    )


_VIN = {char: int(char) for char in "0123456789"} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)

VALIDATORS: Mapping[str, Check] = MappingProxyType(
    {
        "card": payment_card,
        "dialled": dialled,
        "iban": mod_97,
        "imei": imei,
        "ip": public_or_private_ip,
        "luhn": luhn,
        "mac": mac_address,
        "mailbox": mailbox,
        "named": named,
        "own-title": own_title,
        "own-words": own_words,
        "phone": phone,
        "phone-of-europe": phone_of_europe,
        "random": random_looking,
        "us-itin": us_itin,
        "us-ssn": us_ssn,
        "vin": vin,
        "website": website,
        **COINS,
        **NATIONAL,
    }
)
NOT_FIRST: Mapping[str, frozenset[str]] = MappingProxyType({"named": NO_COMPANY, "own-words": NO_PERSON})
"""Validator → the words, in lower case, with which it lets no value begin."""
