"""Looking for what was planted, in files that must not hold it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path


def spellings(text: str) -> Iterator[bytes]:
    """*text* as it could lie in a file: UTF-8, UTF-16, and base64 at each of its three alignments."""
    yield text.encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text.encode())
        yield coded[4 if shift else 0 : -4]
    yield text.encode().hex().encode()


def found(folder: Path, texts: Iterable[str]) -> list[str]:
    """Where in *folder* they lie; its rules, whose examples hold a card number, are passed over."""
    sought = [(text, spelling) for text in texts for spelling in spellings(text)]
    return [
        f"{text[:20]} in {path.name}"
        for path in folder.rglob("*")
        if path.is_file() and "rules" not in path.parts
        for data in [path.read_bytes()]
        for text, spelling in sought
        if spelling in data
    ]
