"""Ways to hide a value from a pattern, and the values that are hidden."""

from __future__ import annotations

import base64
import codecs
import gzip
import html
import json
import random
import string
import urllib.parse
from collections.abc import Callable, Mapping

AWS_KEY = "AKIA" + "".join(random.Random(4).choices(string.ascii_uppercase + "234567", k=16))

VALUES: Mapping[str, tuple[str, str]] = {
    "EMAIL_ADDRESS": ("Please write to {} about it.", "maria.lopez@example.com"),
    "CREDIT_CARD": ("Please charge my card {} today.", "4111 1111 1111 1111"),
    "US_SSN": ("My SSN is {} as you know.", "219-09-9999"),
    "PHONE_NUMBER": ("Call me at {} after lunch.", "(415) 555-2671"),
    "IBAN_CODE": ("Send the money to {} please.", "DE89 3704 0044 0532 0130 00"),
    "PERSON": ("My name is {} and I live in Boston.", "Maria Lopez"),
    "AWS_ACCESS_KEY_ID": ("The key is {} for now.", AWS_KEY),
}
"""Entity → a sentence, and the value that goes into it."""

_FIRST = "John Emma Carlos Sophie Hannah Peter Laura Ahmed Ingrid Paul".split()
_LAST = "Miller Garcia Schneider Rossi Dubois Johnson Novak Jansen Silva Walker".split()
_IBANS = {"DE": "18d", "FR": "23d", "GB": "4u14d", "NL": "4u10d", "ES": "20d", "AT": "16d", "CH": "17d", "BE": "12d"}
_CARDS = {"4": 16, "51": 16, "2221": 16, "6011": 16, "37": 15}


def values(seed: int) -> Mapping[str, tuple[str, str]]:
    """Others of the same kinds, in the same sentences."""
    chance = random.Random(seed)
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    made = {
        "EMAIL_ADDRESS": f"{first}{chance.choice('._')}{last}@{chance.choice(['example.org', 'acme.com'])}".lower(),
        "CREDIT_CARD": _card(chance),
        "US_SSN": f"{chance.randrange(100, 666)}-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}",
        "PHONE_NUMBER": _phone(chance),
        "IBAN_CODE": _iban(chance),
        "PERSON": f"{first} {last}",
        "AWS_ACCESS_KEY_ID": "AKIA" + "".join(chance.choices(string.ascii_uppercase + "234567", k=16)),
    }
    return {entity: (VALUES[entity][0], value) for entity, value in made.items()}


def _card(chance: random.Random) -> str:
    prefix, size = chance.choice(list(_CARDS.items()))
    body = prefix + "".join(chance.choices(string.digits, k=size - len(prefix) - 1))
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(body)))
    body += str(-sum(d - 9 * (d > 9) for d in doubled) % 10)
    groups = (4, 6, 5) if size == 15 else (4, 4, 4, 4)
    return chance.choice(" -").join(body[sum(groups[:at]) : sum(groups[: at + 1])] for at in range(len(groups)))


def _phone(chance: random.Random) -> str:
    area, line = chance.choice([212, 303, 415, 512, 617]), f"555-{chance.randrange(1000, 9999)}"
    forms = [f"({area}) {line}", f"{area}-{line}", f"+1 {area} {line}", f"+49 30 {chance.randrange(1000000, 9999999)}"]
    return chance.choice(forms)


def _iban(chance: random.Random) -> str:
    country, shape = chance.choice(list(_IBANS.items()))
    bank, digits = (
        ("".join(chance.choices(string.ascii_uppercase, k=4)), shape[2:-1]) if "u" in shape else ("", shape[:-1])
    )
    body = bank + "".join(chance.choices(string.digits, k=int(digits)))
    number = int("".join(str(int(char, 36)) for char in f"{body}{country}00"))
    whole = f"{country}{98 - number % 97:02}{body}"
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


_DIGITS = "zero one two three four five six seven eight nine".split()
_CYRILLIC = str.maketrans("aeopcxyABEKMHOPCTX", "аеорсхуАВЕКМНОРСТХ")
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
_ARABIC = str.maketrans(string.digits, "٠١٢٣٤٥٦٧٨٩")


def _each(spell: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: "".join(map(spell, value))


def _some(characters: str, spell: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: "".join(spell(char) if char in characters else char for char in value)


def _halves(form: str) -> Callable[[str], str]:
    return lambda value: form.format(value[: len(value) // 2], value[len(value) // 2 :])


def _styled(lower: int, upper: int, digit: int) -> Callable[[str], str]:
    def spell(char: str) -> str:
        for first, plain in ((lower, string.ascii_lowercase), (upper, string.ascii_uppercase), (digit, string.digits)):
            if char in plain:
                return chr(first + plain.index(char))
        return char

    return _each(spell)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


EVASIONS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "lower case": str.lower,
    "upper case": str.upper,
    "JSON escapes": _each(_escape),
    "JSON escapes of digits and @": _some(string.digits + "@", _escape),
    "zero-width spaces": "\u200b".join,
    "one zero-width space": _halves("{}\u200b{}"),
    "soft hyphen": _halves("{}\u00ad{}"),
    "fullwidth": _each(lambda char: chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char),
    "mathematical bold": _styled(0x1D41A, 0x1D400, 0x1D7CE),
    "Cyrillic look-alikes": lambda value: value.translate(_CYRILLIC),
    "Arabic-Indic digits": lambda value: value.translate(_ARABIC),
    "no-break spaces": lambda value: value.replace(" ", "\u00a0").replace("-", "\u2011"),
    "spaces": " ".join,
    "dots": lambda value: ".".join(value.replace(" ", "").replace("-", "")),
    "newline": _halves("{}\n{}"),
    "bold halves": _halves("**{}**{}"),
    "code ticks": _halves("`{}{}`"),
    "HTML entities": _each(lambda char: f"&#{ord(char)};"),
    "HTML tags": _halves("{}<b>{}</b>"),
    "percent-encoding of all": _each(lambda char: f"%{ord(char):02X}"),
    "percent-encoding": urllib.parse.quote,
    "base64": lambda value: _base64(value.encode()),
    "hex": lambda value: value.encode().hex(),
    "gzip in base64": lambda value: _base64(gzip.compress(value.encode(), mtime=0)),
    "rot13": lambda value: codecs.encode(value, "rot13"),
    "reversed": lambda value: value[::-1],
    "leetspeak": lambda value: value.translate(_LEET),
    "digits as words": lambda value: " ".join(_DIGITS[int(c)] if c in string.digits else c for c in value),
    "at and dot": lambda value: value.replace("@", " (at) ").replace(".", " (dot) ").replace("-", "/"),
    "JSON in JSON": lambda value: json.dumps(json.dumps({"value": value})),
    "JSON key": lambda value: json.dumps({value: 1}),
    "tool arguments": lambda value: json.dumps({"arguments": json.dumps({"q": html.escape(value)})}),
    "CSV": lambda value: f'"1","{value}","x"',
    "glued to words": lambda value: f"abc{value}xyz",
    "key=value": lambda value: f"user_value={value}",
}
