"""The keys in the state folder, made at first start.

auditor.key      age identity that opens sealed payloads; to be moved away, the gateway never needs it
auditor.pub      age recipients that payloads are sealed to, one a line; a second line is an escrow
checkpoint.key   Ed25519 key that signs the ledger's checkpoints
checkpoint.pub   what they are verified with; to be kept elsewhere too
fingerprint.key  key of the fingerprints of findings and credentials
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyrage import x25519

from weighlock.errors import ConfigError
from weighlock.ledger import seal
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.cosign import Witness

FINGERPRINT_SIZE = 32


@dataclass(frozen=True, slots=True)
class Keys:
    recipients: tuple[Any, ...]
    """The age recipients that payloads are sealed to."""
    signer: Signer
    fingerprint: bytes = field(repr=False)
    created: tuple[Path, ...] = ()
    """Files made just now: whoever starts the gateway is told of them, and to move auditor.key away."""


def open_keys(state: Path) -> Keys:
    """The keys in *state*, made where they are missing; ConfigError for one that others can read or nobody can use.

    A missing auditor.key is in order once auditor.pub is there. A missing checkpoint.key is not once checkpoint.pub is
    there: another key would sign a log that nobody can verify any more.
    """
    folder = _Folder(state)
    try:
        auditor = _auditor(folder)
        signer = _signer(folder)
        fingerprint = folder.secret("fingerprint.key", lambda: secrets.token_bytes(FINGERPRINT_SIZE))
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", str(error.filename or state)) from None
    if len(fingerprint) != FINGERPRINT_SIZE:
        raise ConfigError(f"not {FINGERPRINT_SIZE} bytes", str(state / "fingerprint.key"))
    return Keys(auditor, signer, fingerprint, tuple(folder.created))


def fingerprint_key(state: Path) -> bytes:
    """Of another state folder, that must have one; ConfigError for one that others can read or nobody can use."""
    path = state / "fingerprint.key"
    try:
        if not path.exists():
            raise ConfigError("is missing", str(path))
        return _Folder(state).secret(path.name, bytes)
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", str(path)) from None


def open_witness(state: Path, name: str) -> Witness:
    """The key of a witness in its folder *state*, made under *name* where there is none. ConfigError as above."""
    folder = _Folder(state)
    made = Witness(name, secrets.token_bytes(32))
    private = state / "witness.key"
    try:
        own: Witness = _read(Witness.parse, folder.secret(private.name, lambda: f"{made.text}\n".encode()), private)
        if not (public := state / "witness.pub").exists():
            folder.public(public.name, f"{own.cosigner.text}\n".encode())
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", str(error.filename or state)) from None
    return own


def _auditor(folder: _Folder) -> tuple[Any, ...]:
    public, private = folder.path / "auditor.pub", folder.path / "auditor.key"
    if not public.exists():
        text = folder.secret("auditor.key", _new_identity)
        own = [str(identity.to_public()) for identity in _read(seal.identities, text, private)]
        folder.public("auditor.pub", "".join(f"{line}\n" for line in own).encode())
    recipients: tuple[Any, ...] = _read(seal.recipients, public.read_bytes(), public)
    if private.exists():
        known = set(map(str, recipients))
        for identity in _read(seal.identities, folder.secret("auditor.key", _new_identity), private):
            if str(identity.to_public()) not in known:
                raise ConfigError("is not the key of any line in auditor.pub", str(private))
    return recipients


def _signer(folder: _Folder) -> Signer:
    public, private = folder.path / "checkpoint.pub", folder.path / "checkpoint.key"
    if public.exists() and not private.exists():
        raise ConfigError("is missing, though checkpoint.pub is there; bring it back", str(private))
    signer: Signer = _read(Signer.parse, folder.secret("checkpoint.key", _new_signer), private)
    vkey = f"{signer.verifier.text}\n".encode()
    if not public.exists():
        folder.public("checkpoint.pub", vkey)
    if public.read_bytes() != vkey:
        raise ConfigError("is not the public half of checkpoint.key", str(public))
    return signer


def _new_identity() -> bytes:
    identity = x25519.Identity.generate()
    return f"# public key: {identity.to_public()}\n{identity}\n".encode()


def _new_signer() -> bytes:
    name = f"weighlock/{secrets.token_hex(4)}"
    return f"{Signer(name, secrets.token_bytes(32)).text}\n".encode()


def _read(parse: Callable[[str], Any], data: bytes, path: Path) -> Any:
    try:
        return parse(data.decode())
    except ValueError as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(reason, str(path)) from None


class _Folder:
    """A folder that nobody else can enter, and files in it that appear whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.created: list[Path] = []
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = path.stat().st_mode
        except OSError as error:
            raise ConfigError(f"cannot be used: {error.strerror}", str(path)) from None
        if mode & 0o077:
            raise ConfigError(f"can be entered by others; run: chmod 700 {path}", str(path))

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of the file *name*, made first where there is none."""
        path = self.path / name
        if not path.exists():
            self._create(path, make())
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError(f"can be read by others; run: chmod 600 {path}", str(path))
            return file.read()

    def public(self, name: str, data: bytes) -> None:
        self._create(self.path / name, data)

    def _create(self, path: Path, data: bytes) -> None:
        """Written beside, then linked: a crash leaves no half key, and a file that is there stays."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
            self.created.append(path)
        except FileExistsError:
            pass  # another start was faster; its file is the one
        finally:
            draft.unlink()
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
