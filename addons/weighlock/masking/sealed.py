"""Values that the gateway alone can read again: what stands in their place holds them, encrypted.

AES-SIV (RFC 5297): equal values look equal, nobody can make one, and one entity's cannot pass for another's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SEALED = re.compile(r"<([A-Z][A-Z0-9_]{0,63})=([A-Za-z0-9_-]{22,})>")


def sealed(key: bytes, entity: str, value: str) -> str:
    """`<ENTITY=…>`, which `opened` reads again with the same *key*."""
    box = _cipher(key).encrypt(value.encode(), [entity.encode()])
    return f"<{entity}={base64.urlsafe_b64encode(box).decode().rstrip('=')}>"


def opened(key: bytes, text: str) -> tuple[str, int, int]:
    """*text* with every sealed value in it as it was; how many were opened, and how many were not of this *key*."""
    done = [0, 0]

    def value(match: re.Match[str]) -> str:
        try:
            box = base64.urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))
            plain = _cipher(key).decrypt(box, [match[1].encode()]).decode()
        except (InvalidTag, binascii.Error, ValueError):
            done[1] += 1
            return match[0]
        done[0] += 1
        return plain

    return SEALED.sub(value, text), done[0], done[1]


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hmac.new(key, b"encrypt", hashlib.sha512).digest())
