"""Any JSON: every string, number and member name is a text, and nothing is known about any of them."""

from __future__ import annotations

from weighlock.dialects.base import Asked
from weighlock.dialects.dialect import Dialect, Operation, optional_body

# No streams: a value could be split over events that nobody knows to belong together.
DIALECT = Dialect(
    "generic",
    tuple(
        Operation(f"{method} any", method, ".*", asks=lambda view, document: Asked(), request=optional_body)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
)
