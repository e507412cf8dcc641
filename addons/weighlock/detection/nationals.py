"""Numbers of persons and companies whose check is a country's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from weighlock.detection.checksums import (
    Check,
    compact,
    digits_of,
    folded,
    luhn_with,
    mod_11_10,
    repeated,
    verhoeff,
    weighted,
)

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CF_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def es_nif(text: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23."""
    letters = compact(text)
    if not re.fullmatch(r"[XYZ0-9][0-9]{7}[A-Z]", letters):
        return False
    return _DNI[int(letters[:-1].translate(str.maketrans("XYZ", "012"))) % 23] == letters[-1]


def it_fiscal_code(text: str) -> bool:
    """Sixteen characters; letters stand for digits where two people would have the same code."""
    letters = compact(text)
    if not re.fullmatch(r"[A-Z]{6}[0-9A-Z]{9}[A-Z]", letters):
        return False
    values = [int(char) if char.isdigit() else ord(char) - ord("A") for char in letters]
    total = sum(_CF_ODD[value] for value in values[:15:2]) + sum(values[1:15:2])
    return total % 26 == values[15]


def fr_nir(text: str) -> bool:
    letters = compact(text).replace("2A", "19", 1).replace("2B", "18", 1)
    return bool(re.fullmatch(r"[0-9]{15}", letters)) and 97 - int(letters[:13]) % 97 == int(letters[13:])


def de_tax_id(text: str) -> bool:
    """One digit stands twice or thrice in the first ten, every other at most once."""
    digits = digits_of(text)
    counts = sorted(Counter(digits[:10]).values())
    distinct = counts[-1:] in ([2], [3]) and counts[-2:-1] == [1]
    return mod_11_10(text) and digits[0] != 0 and distinct


def machine_readable(text: str) -> bool:
    """ICAO 9303: nine characters of a document's number and their check digit."""
    letters = re.sub(r"[^0-9A-Z<]", "", text.upper())
    return bool(re.fullmatch(r"[0-9A-Z<]{9}[0-9]", letters)) and repeated((7, 3, 1), letters[:9]) % 10 == int(
        letters[9]
    )


def be_national_number(text: str) -> bool:
    """From the year 2000 on, a 2 stands before the number that is checked."""
    digits = "".join(map(str, digits_of(text)))
    return len(digits) == 11 and any(97 - int(lead + digits[:9]) % 97 == int(digits[9:]) for lead in ("", "2"))


def fi_hetu(text: str) -> bool:
    letters = compact(text[:6] + text[7:])
    return bool(re.fullmatch(r"[0-9]{9}[0-9A-Y]", letters)) and _HETU[int(letters[:9]) % 31] == letters[9]


def cz_birth_number(text: str) -> bool:
    digits = "".join(map(str, digits_of(text)))
    return len(digits) == 10 and len(set(digits)) > 1 and int(digits[:9]) % 11 % 10 == int(digits[9])


def th_national_id(text: str) -> bool:
    digits = digits_of(text)
    total = sum((13 - place) * digit for place, digit in enumerate(digits[:-1]))
    return len(digits) == 13 and len(set(digits)) > 1 and (11 - total % 11) % 10 == digits[-1]


def ie_pps(text: str) -> bool:
    letters = compact(text)
    if not re.fullmatch(r"[0-9]{7}[A-W][A-IW]?", letters):
        return False
    second = letters[8:].replace("W", "")
    total = repeated((8, 7, 6, 5, 4, 3, 2), letters[:7]) + (9 * (ord(second) - 64) if second else 0)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == letters[7]


def ro_cnp(text: str) -> bool:
    digits = digits_of(text)
    total = sum(w * d for w, d in zip((2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9), digits, strict=False)) % 11
    return len(digits) == 13 and digits[-1] == (1 if total == 10 else total)


def baltic_code(text: str) -> bool:
    """Estonia and Lithuania: where the first weights give 10, the second decide."""
    digits = digits_of(text)
    if len(digits) != 11:
        return False
    for start in (1, 3):
        total = sum(((start + place - 1) % 9 + 1) * digits[place] for place in range(10)) % 11
        if total < 10:
            return total == digits[10]
    return digits[10] == 0


def sg_nric(text: str) -> bool:
    letters = compact(text)
    if not re.fullmatch(r"[STFGM][0-9]{7}[A-Z]", letters):
        return False
    shift = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[letters[0]]
    total = (sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), letters[1:8], strict=True)) + shift) % 11
    table = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    return table[letters[0]][total] == letters[8]


def cn_resident_id(text: str) -> bool:
    """ISO/IEC 7064 MOD 11-2; an X stands for ten."""
    letters = compact(text)
    if not re.fullmatch(r"[0-9]{17}[0-9X]", letters):
        return False
    total = sum(pow(2, 17 - place, 11) * int(digit) for place, digit in enumerate(letters[:17]))
    return (total + (10 if letters[17] == "X" else int(letters[17]))) % 11 == 1


def tw_national_id(text: str) -> bool:
    letters = compact(text)
    if not re.fullmatch(r"[A-Z][1289][0-9]{8}", letters):
        return False
    area = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letters[0]) + 10
    digits = [area // 10, area % 10, *map(int, letters[1:])]
    return sum(w * d for w, d in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True)) % 10 == 0


def mx_curp(text: str) -> bool:
    letters = re.sub(r"[^0-9A-ZÑ]", "", text.upper())
    if len(letters) != 18 or not letters[-1].isdigit():
        return False
    total = sum((18 - place) * _CURP.index(char) for place, char in enumerate(letters[:17]))
    return -total % 10 == int(letters[-1])


def cl_rut(text: str) -> bool:
    letters = compact(text)
    if not re.fullmatch(r"[0-9]{7,8}[0-9K]", letters):
        return False
    total = sum((2 + place % 6) * int(digit) for place, digit in enumerate(reversed(letters[:-1])))
    return "0123456789K0"[11 - total % 11] == letters[-1]


def tr_identity_number(text: str) -> bool:
    digits = digits_of(text)
    if len(digits) != 11 or digits[0] == 0:
        return False
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and sum(digits[:10]) % 10 == digits[10]


def ru_snils(text: str) -> bool:
    digits = digits_of(text)
    if len(digits) != 11:
        return False
    total = sum((9 - place) * digits[place] for place in range(9)) % 101 % 100
    return total == 10 * digits[9] + digits[10] and any(digits)


_NO_FIRST = weighted((3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0), 11)
_NO_SECOND = weighted((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)


def no_birth_number(text: str) -> bool:
    return _NO_FIRST(text) and _NO_SECOND(text)


NATIONAL: Mapping[str, Check] = MappingProxyType(
    {
        "ar-cuit": folded((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), ten=9),
        "at-svnr": weighted((3, 7, 9, -1, 5, 8, 4, 2, 1, 6), 11),
        "au-abn": weighted((10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19), 89, remainder=10),
        "au-acn": weighted((8, 7, 6, 5, 4, 3, 2, 1, 1), 10),
        "au-medicare": weighted((1, 3, 7, 9, 1, 3, 7, 9, -1, 0), 10),
        "au-tfn": weighted((1, 4, 3, 7, 5, 8, 6, 9, 10), 11),
        "baltic-code": baltic_code,
        "be-national-number": be_national_number,
        "bg-egn": folded((-2, -4, -8, -5, -10, -9, -7, -3, -6)),
        "br-cnpj": folded((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)),
        "br-cpf": folded((10, 9, 8, 7, 6, 5, 4, 3, 2), (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)),
        "ca-sin": luhn_with(9),
        "ch-ahv": weighted((1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1), 10),
        "cl-rut": cl_rut,
        "cn-resident-id": cn_resident_id,
        "cz-birth-number": cz_birth_number,
        "de-tax-id": de_tax_id,
        "es-nif": es_nif,
        "fi-hetu": fi_hetu,
        "fr-nir": fr_nir,
        "gr-amka": luhn_with(11),
        "hr-oib": mod_11_10,
        "hu-taj": weighted((3, 7, 3, 7, 3, 7, 3, 7, -1), 10),
        "ie-pps": ie_pps,
        "il-id": luhn_with(9),
        "in-aadhaar": verhoeff,
        "is-kennitala": weighted((3, 2, 7, 6, 5, 4, 3, 2, 1, 0), 11),
        "it-fiscal-code": it_fiscal_code,
        "it-vat": luhn_with(11),
        "jp-my-number": folded((6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)),
        "machine-readable": machine_readable,
        "mx-curp": mx_curp,
        "nl-bsn": weighted((9, 8, 7, 6, 5, 4, 3, 2, -1), 11),
        "no-birth-number": no_birth_number,
        "pl-pesel": weighted((1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10),
        "pt-nif": folded((9, 8, 7, 6, 5, 4, 3, 2)),
        "ro-cnp": ro_cnp,
        "ru-inn": folded((-7, -2, -4, -10, -3, -5, -9, -4, -6, -8), (-3, -7, -2, -4, -10, -3, -5, -9, -4, -6, -8)),
        "ru-snils": ru_snils,
        "se-personal-number": luhn_with(10),
        "sg-nric": sg_nric,
        "th-national-id": th_national_id,
        "tr-identity-number": tr_identity_number,
        "tw-national-id": tw_national_id,
        "uk-nhs": weighted((10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11),
        "us-aba": weighted((3, 7, 1, 3, 7, 1, 3, 7, 1), 10),
        "us-npi": luhn_with(10, prefix="80840"),
        "za-id": luhn_with(13),
    }
)
