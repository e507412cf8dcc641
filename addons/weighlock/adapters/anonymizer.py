"""Masking operators as Presidio operators: its own where they fit, ours where it has none."""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weighlock.masking import sealed
from weighlock.masking.vault import plain
from weighlock.model import OperatorSpec


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Where it is not imported yet, *module* is as if it were not installed."""
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]  # the import system's own sign for it
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


# One of its operators, for a cloud service, would bring the analyzer along, and spaCy: seconds and 100 MB for nothing.
with _without("presidio_analyzer"):
    from presidio_anonymizer.operators import Mask, Operator, OperatorType, Redact, Replace


def _tag(key: bytes, entity: str, text: str) -> str:
    """A keyed hash of *text* as a person reads it."""
    return hmac.new(key, f"{entity}\0{plain(text)}".encode(), hashlib.sha256).hexdigest()


class Hash(Operator):
    """Presidio's own is unsalted or case-sensitive, and a short value's plain hash can be guessed."""

    def operate(self, text: str = "", params: Any = None) -> str:
        return f"<{params['entity_type']}:{_tag(params['key'], params['entity_type'], text)[:12]}>"

    def validate(self, params: Any = None) -> None: ...

    def operator_name(self) -> str:
        return "hash"

    def operator_type(self) -> OperatorType:
        return OperatorType.Anonymize


class Pseudonym(Hash):
    def operate(self, text: str = "", params: Any = None) -> str:
        return f"<{params['entity_type']}_{_tag(params['session_key'], params['entity_type'], text)[:8]}>"

    def operator_name(self) -> str:
        return "pseudonym"


class Encrypt(Hash):
    """Presidio's own says something else each time, so a stream would not equal its whole; and nothing proves it."""

    def operate(self, text: str = "", params: Any = None) -> str:
        return sealed.sealed(params["key"], params["entity_type"], text)

    def operator_name(self) -> str:
        return "encrypt"


class KeepLast(Mask):
    """Presidio's mask, told how many characters to keep. A value of no more than twice that is masked whole."""

    def operate(self, text: str = "", params: Any = None) -> str:
        keep = params["keep_last"] if len(text) > 2 * params["keep_last"] else 0
        masked: str = super().operate(
            text, {"masking_char": params["char"], "chars_to_mask": len(text) - keep, "from_end": False}
        )
        return masked


class Anonymizer:
    """The operators for one *session*: its pseudonyms are stable within it, and tell nothing outside."""

    def __init__(self, key: bytes, session: str) -> None:
        self._keys = {"key": key, "session_key": hmac.new(key, f"session\0{session}".encode(), hashlib.sha256).digest()}

    def run(self, spec: OperatorSpec, entity: str, value: str) -> str:
        operator, defaults = _OPERATORS[spec.name]
        masked: str = operator.operate(value, {**defaults, **spec.params, **self._keys, "entity_type": entity})
        return masked


_OPERATORS: dict[str, tuple[Operator, dict[str, Any]]] = {
    "redact": (Redact(), {}),
    "hash": (Hash(), {}),
    "encrypt": (Encrypt(), {}),
    "pseudonym": (Pseudonym(), {}),
    "mask": (KeepLast(), {"keep_last": 4, "char": "*"}),
    "replace": (Replace(), {}),
}
