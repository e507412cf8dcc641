"""The adversarial tokens, by name."""

from __future__ import annotations

from collections.abc import Mapping

from corpus.forging import KEYS, Case
from corpus.form import FORM, JSON
from corpus.headers import HEADER, SIGNATURE
from corpus.statements import CLAIMS, TIMES

__all__ = ["CORPUS", "KEYS"]

CORPUS: Mapping[str, Case] = {**FORM, **JSON, **HEADER, **SIGNATURE, **TIMES, **CLAIMS}
