"""Characters that only look different, or that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from weighlock.detection.views.view import View

_TABLE = """
2ϨᒿꙄꝚ 3ЗӠⳌꝪꞫ 4Ꮞ 6бᏮⳒ 9ⳊꝮ AΑАᎪᗅꓮ BΒВᏴᗷꓐꞴ CСᏟⲤꓚ DᎠᗞᗪꓓ EΕЕᎬꓰ FϜᖴꓝꞘ GԌᏀᏳꓖ HΗНᎻᕼⲎꓧ IΙІӀⲒꓲ JͿЈᎫᒍꓙꞲ KΚКᏦⲔꓗ kк
LᏞᒪⳐꓡ MΜϺМᎷᗰⲘꓟ NΝⲚꓠ OΟОՕⲞꓳ PΡРᏢᑭⲢꓑ RᎡᏒᖇꓣ SЅՏᏕᏚꓢ TΤТᎢⲦꓔ UՍᑌꓴ VѴᏙᐯꓦ WԜᎳᏔꓪ XΧХⲬꓫꞳ YΥУҮᎩᎽⲨꓬ ZΖᏃꓜ aɑαа
bЬᏏᑲᖯ cсᴄⲥꮯ dԁᏧᑯꓒ eеҽꬲ fքẝꞙꬵ gɡցᶃ hһհᏂ iıɩɪιіӏᎥꙇꭵ jϳј mм nոռ oοσоօᴏᴑⲟꬽ pρрⲣ qԛգզ rгᴦⲅꭇꭈꮁ sѕꜱꮪ tт uʋυսᴜꞟꭎꭒ
vνѵᴠꮩ wɯѡԝաᴡꮃ xхᕁᕽ yɣʏγуүᶌỿꭚ zᴢꮓ
"""
"""Letters and digits, each with those of other alphabets that look like it: from Unicode's confusables.txt (UTS #39),
the Latin, Cyrillic, Greek, Cherokee, Coptic, Armenian, Lisu and Canadian Aboriginal ones; and three Cyrillic letters
that are small capitals there.
"""
_LOOKALIKES = {like: entry[0] for entry in _TABLE.split() for like in entry[1:]}
_WORD = re.compile(r"\w+")
_LATIN_END = "\u0250"

_ODD = re.compile(r"[^\t\n\v\f\r -~]")
_MARKED = re.compile(r"[^\W\d_][\u0300-\u036f\u20d0-\u20f0]+")
_UNSEEN = frozenset(
    map(chr, [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0])
) | frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
"""Invisible, and of another category than Cf."""
_QUOTES = {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "−": "-", "\u2028": "\n", "\u2029": "\n"}


def plain_characters(view: View) -> View:
    """*view* with no invisible character, in NFKC, with ASCII digits, dashes and quotes, and with no look-alikes."""
    if view.text.isascii() and view.text.isprintable():
        return view
    if any(_plain(char) != char for char in set(view.text)):
        view = view.rewritten("canonical", _MARKED, lambda match: _composed(match[0]))
        view = view.rewritten("canonical", _ODD, lambda match: _plain(match[0]))
    return view if view.text.isascii() else view.rewritten("canonical", _WORD, lambda match: _latin(match[0]))


@lru_cache(4096)
def _plain(char: str) -> str:
    if char in "\t\n\v\f\r":
        return char
    category = unicodedata.category(char)
    if category in ("Cf", "Cc") or char in _UNSEEN:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd":
        return "-"
    if category == "Mn" and unicodedata.combining(char) and (char <= "\u036f" or "\u20d0" <= char <= "\u20f0"):
        return ""
    return _QUOTES.get(char) or unicodedata.normalize("NFKC", char)


def _composed(marked: str) -> str:
    """A letter with its accents as one character, without those that it cannot have."""
    return "".join(char for char in unicodedata.normalize("NFKC", marked) if not unicodedata.combining(char))


def _latin(word: str) -> str | None:
    """A word in Latin letters where all that is not one looks like one; no other word is touched."""
    if word.isascii() or len(word) == 1:
        return None
    made = "".join(_LOOKALIKES.get(char, char) for char in word)
    return made if all(char < _LATIN_END for char in made) else None
