"""The canonical view: a text as its reader sees it."""

from __future__ import annotations

import html
import re

import re2

from weighlock.detection.views.characters import plain_characters
from weighlock.detection.views.view import View, until_stable

_GATE = re2.compile(
    rb"\\[^\sA-Za-z0-9]|\\[nrtuUx0-7]|&(?:#|[A-Za-z])|%[0-9A-Fa-f]{2}|</?[A-Za-z!]|\*\*|__|~~|`"
    rb"|[\x00-\x08\x0e-\x1f\x7f]"
)
"""What ASCII must hold to be looked at."""

_UNIT = r"u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\})"
_BACKSLASH = re.compile(
    rf"(?<!\\)\\++(?:(?P<units>{_UNIT}(?:\\+{_UNIT})*)|x(?P<byte>[0-9A-Fa-f]{{2}})|U(?P<long>[0-9A-Fa-f]{{8}})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<space>[nrt])|(?P<sign>[!-/:-@\[\]-`{-~]))"
)
_ENTITY = re.compile(r"&(?:amp;)*(?P<name>#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)")
_PERCENT = re.compile(
    "{0}[2-7]X|{0}0[9AaDd]|{0}[CcDd]X{0}[89AaBb]X|{0}[Ee]X(?:{0}[89AaBb]X){{2}}|{0}[Ff][0-4](?:{0}[89AaBb]X){{3}}".format(
        "%(?:25)*"
    ).replace("X", "[0-9A-Fa-f]")
)
_OCTET = re.compile("%(?:25)*([0-9A-Fa-f]{2})")
_MARKUP = re.compile(
    r"</?(?P<tag>[A-Za-z][A-Za-z0-9-]{0,20})(?:\s[^<>]{0,400})?/?>|<!--[^<>]{0,400}-->|\x1b\[[0-9;]{0,20}[A-Za-z]"
    r"|\*{2,}|_{2,}|~{2,}|`+"
)
_INLINE = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span strike strong sub sup"
    " tt u var wbr".split()
)


def canonical(view: View) -> View:
    """*view* itself where there is nothing to undo."""
    if view.text.isascii() and not _GATE.search(view.text.encode()):
        return view
    plain = until_stable(view, _round)
    bare = plain.rewritten("canonical", _MARKUP, _markup)
    return plain if bare is plain else until_stable(bare, _round)


def _round(view: View) -> View:
    if "\\" in view.text:
        view = view.rewritten("canonical", _BACKSLASH, _unescaped)
    if "&" in view.text:
        view = view.rewritten("canonical", _ENTITY, _entity)
    if "%" in view.text:
        view = view.rewritten("canonical", _PERCENT, _percent)
    return plain_characters(view)


def _unescaped(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "space":
        return "\t" if match["space"] == "t" else "\n"
    if kind == "sign":
        return match["sign"]
    if kind == "octal":
        return _character(int(match["octal"], 8))
    if kind != "units":
        return _character(int(match[kind or 0], 16))
    points = [int(unit.lstrip("u{"), 16) for unit in re.findall(r"u\{?[0-9A-Fa-f]+", match["units"])]
    joined = "".join(chr(point) if point <= 0x10FFFF else "\ufffd" for point in points)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(point: int) -> str:
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else "\ufffd"


def _entity(match: re.Match[str]) -> str | None:
    entity = "&" + match["name"]
    made = html.unescape(entity)
    return None if made == entity else made


def _percent(match: re.Match[str]) -> str | None:
    try:
        return bytes.fromhex("".join(_OCTET.findall(match[0]))).decode()
    except UnicodeDecodeError:
        return None


def _markup(match: re.Match[str]) -> str:
    tag = match["tag"]
    if not tag or tag.lower() in _INLINE:
        return ""
    return "\n" if tag.lower() == "br" else " "
