"""The operators that a policy may name, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from weighlock.model import OperatorSpec

OPERATORS: Mapping[str, Mapping[str, type]] = MappingProxyType(
    {
        "redact": {},
        "hash": {},
        "encrypt": {},
        "pseudonym": {},
        "mask": {"keep_last": int, "char": str},
        "replace": {"new_value": str},
    }
)
"""Operator → its parameters, all optional. The strictest stands first: it wins where two are asked for one entity.

redact     the value vanishes
hash       <ENTITY:…>, a keyed hash, the same for equal values wherever they are met
encrypt    <ENTITY=…>, which `weighlock reveal` turns back on the gateway's host
pseudonym  <ENTITY_…>, the same for equal values within one session
mask       all but the last `keep_last` (4) characters become `char` (*)
replace    `new_value`, else <ENTITY>
"""


class Operators(Protocol):
    """Runs operators for one session."""

    def run(self, spec: OperatorSpec, entity: str, value: str) -> str:
        """What stands in place of *value*."""
