"""STATE/material/: one file for each label, with a header and sorted hashes, and nothing that could be read back.

    magic (8) · MAC of all that follows (32) · length of the header (8) · header (JSON) · hashes (8 each)

Files appear whole or not at all, and are mapped into memory: all processes that read them share the same pages.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import mmap
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from weighlock.detection.material import Kind, Label, subkey
from weighlock.errors import ConfigError, Unavailable
from weighlock.model import Level

FOLDER, SUFFIX = "material", ".idx"
MAGIC = b"wlmatrl1"
_MAC = 32
_HEADER = len(MAGIC) + _MAC + 8


def place(state: Path, kind: Kind, name: str) -> Path:
    return state / FOLDER / f"{kind}-{name}{SUFFIX}"


def files(state: Path) -> list[Path]:
    """All indexes. Raises ConfigError where the folder cannot be read."""
    try:
        listed = list((state / FOLDER).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", str(state / FOLDER)) from None
    return sorted(path for path in listed if path.suffix == SUFFIX and not path.name.startswith("."))


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Nobody else changes an index meanwhile. Raises ConfigError where the folder cannot be used."""
    folder = state / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", str(folder)) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def write(state: Path, key: bytes, label: Label, hashes: Any) -> None:
    """In place of what the label had; within `locked`. *key* is the installation's."""
    header = json.dumps(asdict(label)).encode()
    header += b" " * (-len(header) % 8)
    body = len(header).to_bytes(8) + header + np.unique(hashes).astype("<u8").tobytes()
    path = place(state, label.kind, label.name)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(MAGIC + _mac(key, path, body) + body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"cannot be written: {error.strerror}", str(path)) from None


def read(path: Path, key: bytes) -> tuple[Label, Any, str]:
    """The label, its sorted hashes, and the MAC, which is another for every content.

    Raises ConfigError for a file that cannot be read, or is not as it was written.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError(f"can be read by others; run: chmod 600 {path}", str(path))
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", str(path)) from None
    except ValueError:  # nothing in it
        raise _damaged(path) from None
    mac, body = bytes(data[len(MAGIC) : len(MAGIC) + _MAC]), data[len(MAGIC) + _MAC :]
    if data[: len(MAGIC)] != MAGIC or not hmac.compare_digest(mac, _mac(key, path, body)):
        raise _damaged(path)
    start = _HEADER + int.from_bytes(body[:8])
    said = json.loads(bytes(data[_HEADER:start]))
    label = Label(**said | {"kind": Kind(said["kind"]), "level": Level(said["level"]), "shapes": tuple(said["shapes"])})
    return label, np.frombuffer(data, "<u8", offset=start), mac.hex()


def unreadable() -> Unavailable:
    """What every text is refused with while an index cannot be used."""
    return Unavailable("material-unreadable", "What must not leave cannot be read right now.")


def remove(state: Path, kind: Kind, name: str) -> bool:
    """Whether it was there; within `locked`."""
    path = place(state, kind, name)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"cannot be removed: {error.strerror}", str(path)) from None
    return True


def _mac(key: bytes, path: Path, body: bytes | memoryview) -> bytes:
    """Over the name too: one label's index is not another's."""
    mac = hashlib.blake2b(f"{path.name}\0".encode(), key=subkey(key, "file"), digest_size=_MAC)
    mac.update(body)
    return mac.digest()


def _damaged(path: Path) -> ConfigError:
    kind, _, name = path.stem.partition("-")
    command = {"record": "records", "canary": "canary"}.get(kind, "fingerprint")
    said = f"damaged, or of another installation; `weighlock {command} remove {name}` and add it again"
    return ConfigError(said, str(path))
