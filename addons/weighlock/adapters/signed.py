"""Rules that must be signed: by one key, exactly these files, and never older than any that was in force here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from weighlock.adapters import rulebook
from weighlock.errors import ConfigError
from weighlock.policy import manifest
from weighlock.policy.manifest import PublicKey

FILE = "rules.version"
"""In the state folder: the highest version that was ever in force, and the digest of its files."""


def public_key(path: Path) -> PublicKey:
    """Raises ConfigError."""
    try:
        return manifest.public_key(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", str(path)) from None
    except ValueError as error:
        raise ConfigError(str(error), str(path)) from None


class Signed:
    """*key* is read once: the files that it guards cannot bring another."""

    def __init__(self, key: PublicKey, state: Path) -> None:
        self.key, self._file = key, state / FILE

    def version(self, text: str, files: Mapping[str, str]) -> int:
        """Of *files*, by the manifest *text*. Raises ConfigError where they may not come into force."""
        signed = manifest.verify(text, self.key)
        manifest.check(signed, files)
        highest, digest = self.highest()
        if signed.version < highest:
            raise ConfigError(
                f"version {signed.version} is older than {highest}, which was in force; "
                f"to go back to what it says, sign it as version {highest + 1}",
                manifest.NAME,
            )
        if signed.version == highest and rulebook.digest(files) != digest:
            raise ConfigError(
                f"version {highest} was in force with other rules; sign these as version {highest + 1}", manifest.NAME
            )
        return signed.version

    def highest(self) -> tuple[int, str]:
        """The highest version that was in force, and its digest; 0 where there was none."""
        try:
            text = self._file.read_text("ascii")
        except FileNotFoundError:
            return 0, ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {type(error).__name__}", str(self._file)) from None
        match = re.fullmatch(r"([1-9][0-9]{0,14}) ([0-9a-f]{64})\n", text)
        if not match:
            raise ConfigError("damaged: bring it back, or nobody knows which version was in force", str(self._file))
        return int(match[1]), match[2]

    def keep(self, version: int, digest: str) -> None:
        """Durable before it comes into force. Raises ConfigError."""
        if self.highest() == (version, digest):
            return
        draft = self._file.with_name(f".{FILE}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{version} {digest}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", str(self._file)) from None
