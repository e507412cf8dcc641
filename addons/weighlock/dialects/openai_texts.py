"""What takes texts and answers with numbers: Embeddings, Moderations; score and rerank as vLLM and others have them."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Any

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import Operation
from weighlock.dialects.fields import is_measure
from weighlock.dialects.openai_chat import BASE, asks_any_model, asks_text, texts_only
from weighlock.dialects.openai_fields import OPENAI
from weighlock.errors import Malformed
from weighlock.wire.jsontext import Document
from weighlock.wire.strictjson import Number

_COMPARED = ("query", "queries", "documents", "text_1", "text_2")


def _embedded(operation: Operation, document: Document) -> Said:
    """The vectors of an answer are measured numbers, thousands of them; they hold no text."""
    found: set[str] = set()
    data = document.get("/data")
    for number, item in enumerate(data if isinstance(data, list) else ()):
        vector, place = item.get("embedding") if isinstance(item, dict) else None, f"/data/{number}/embedding"
        if isinstance(vector, list):
            found |= {f"{place}/{at}" for at, value in enumerate(vector) if is_measure(value)}
        elif _is_vector(vector):
            found.add(place)
    return Said(document, *operation.fields.read(document, found))


def _is_vector(value: Any) -> bool:
    """Whether it is the base64 of numbers of four bytes. ASCII letters read as such make numbers beyond all measure."""
    if not isinstance(value, str) or isinstance(value, Number) or not value:
        return False
    try:
        data = base64.b64decode(value, validate=True)
        numbers = struct.unpack(f"<{len(data) // 4}f", data)
    except (binascii.Error, struct.error):
        return False
    return all(math.isfinite(number) and abs(number) < 1e4 for number in numbers)


def _asks_pairs(view: RequestView, document: Document) -> Asked:
    asked = asks_any_model(view, document)
    if not set(_COMPARED) & set(document.value):
        raise Malformed("body-shape", "The body needs texts to compare.")
    for name in _COMPARED:
        texts_only(document.value.get(name))
    return asked


TEXTS = (
    Operation("embeddings", "POST", rf"{BASE}/embeddings", OPENAI, asks=asks_text("input"), reply=_embedded),
    Operation("moderations", "POST", rf"{BASE}/moderations", OPENAI, asks=asks_text("input")),
    Operation("score", "POST", rf"{BASE}/score", OPENAI, asks=_asks_pairs),
    Operation("rerank", "POST", rf"{BASE}/(?:rerank|reranking)", OPENAI, asks=_asks_pairs),
)
