"""Sealing, from any thread, under wrapping keys that live for moments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

from weighlock.ledger.seal import KEY_SIZE, NONCE_SIZE, SALT_SIZE, Sealed, WrappingKey, seal

WRAPS = 1024
"""Payloads whose keys are wrapped under one wrapping key at most."""
WRAPS_FOR = 1.0
"""Seconds that it is used for at most."""


class Sealer:
    """*recipients* are age recipients; *random* gives so many random bytes, *clock* seconds that never go back."""

    def __init__(self, recipients: Sequence[Any], random: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        self._recipients, self._random, self._clock = list(recipients), random, clock
        self._own = threading.local()  # a compressor is for one thread, and takes time to make
        self._lock = threading.Lock()
        self._wrapping: WrappingKey | None = None
        self._left, self._until = 0, 0.0

    def seal(self, plaintext: bytes) -> Sealed:
        secret, nonce = self._random(KEY_SIZE + SALT_SIZE), self._random(NONCE_SIZE)
        return seal(plaintext, self._key(), self._compressor(), secret=secret, nonce=nonce)

    def forget(self) -> None:
        """Let go of the wrapping key; what comes next gets another."""
        with self._lock:
            self._wrapping = None

    def _key(self) -> WrappingKey:
        with self._lock:
            now = self._clock()
            if self._wrapping is None or not self._left or now >= self._until:
                self._wrapping = WrappingKey(self._random(KEY_SIZE), self._recipients)
                self._left, self._until = WRAPS, now + WRAPS_FOR
            self._left -= 1
            return self._wrapping

    def _compressor(self) -> zstandard.ZstdCompressor:
        try:
            made: zstandard.ZstdCompressor = self._own.compressor
        except AttributeError:
            made = self._own.compressor = zstandard.ZstdCompressor(level=1)
        return made
