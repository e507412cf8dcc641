"""What the gateway and its inspectors say to each other: JSON in frames with a length before each."""

from __future__ import annotations

import json
from typing import Any

HEADER = 4
LIMIT = 256 << 20


def encode(message: dict[str, Any]) -> bytes:
    data = json.dumps(message).encode()
    return len(data).to_bytes(HEADER) + data


def size(header: bytes) -> int:
    """Bytes that follow *header*; ValueError where that is no frame of ours."""
    length = int.from_bytes(header)
    if len(header) != HEADER or length > LIMIT:
        raise ValueError("no frame")
    return length
