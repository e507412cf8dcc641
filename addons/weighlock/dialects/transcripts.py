"""What a transcript repeats of its text: words and segments, each with its time, and segments in token ids too."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

from weighlock.dialects import spelling
from weighlock.dialects.base import Said
from weighlock.dialects.dialect import Operation
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Spelled
from weighlock.wire.strictjson import Number


def reply(operation: Operation, document: Document) -> Said:
    """A word goes where any of it is masked in the text; a segment is a text of its own, and goes where something is
    masked that goes on in the next. What is not found in the text in its order is dropped.
    """
    spelled: dict[str, list[Spelled]] = defaultdict(list)
    dropped: list[str] = []
    text = document.get("/text")
    for name, member in (("words", "word"), ("segments", "text")):
        items = document.get(f"/{name}")
        if not items:
            continue
        spans = _spans(text, items, member)
        if spans is None:
            dropped.append(f"/{name}")
        elif name == "words":
            spelled["/text"] += [Spelled(*span, (f"/words/{number}",)) for number, span in enumerate(spans)]
        else:
            spelled["/text"] += [
                Spelled(one[1], other[0], (f"/segments/{number}", f"/segments/{number + 1}"))
                for number, (one, other) in enumerate(pairwise(spans))
            ]
            for number, span in enumerate(spans):
                ids = (f"/segments/{number}/tokens",)
                spelled["/text"].append(Spelled(*span, ids))
                spelled[f"/segments/{number}/text"].append(Spelled(0, len(items[number]["text"]), ids))
    own = spelling.spelling(document, dropped)
    told = own.told | {f"{one.places[0]}/word" for one in spelled["/text"] if one.places[0].startswith("/words/")}
    texts, closed = operation.fields.read(document, told)
    together = {place: (*own.spelled.get(place, ()), *spelled[place]) for place in {*own.spelled, *spelled}}
    return replace(Said(document, texts, closed), spelled=together, dropped=own.dropped)


def _spans(text: Any, items: Any, member: str) -> list[tuple[int, int]] | None:
    """Where each item's *member* stands in *text*, one behind the other; None where it is not so."""
    if not isinstance(text, str) or isinstance(text, Number):
        return None
    spans, behind = [], 0
    for item in items if isinstance(items, list) else [None]:
        value = item.get(member) if isinstance(item, dict) else None
        if not isinstance(value, str) or isinstance(value, Number):
            return None
        start = text.find(value.strip(), behind)
        if start < 0 or any(character.isalnum() for character in text[behind:start]):
            return None
        behind = start + len(value.strip())
        spans.append((start, behind))
    return spans if not any(character.isalnum() for character in text[behind:]) else None
