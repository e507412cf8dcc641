"""The approver's token between two commands: a file of their own, which nobody else may read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import click

from weighlock.cli.common import read_settings
from weighlock.errors import ConfigError

NAME = "approver.token"


def token(token_file: str | None) -> str:
    """Of --token-file, else WEIGHLOCK_TOKEN, else of the last `weighlock login`."""
    if token_file:
        found = Path(token_file).read_text("utf-8").strip()
    else:
        found = os.environ.get("WEIGHLOCK_TOKEN", "").strip() or _kept()
    if not found:
        raise click.UsageError("you are not logged in: run `weighlock login`; or set WEIGHLOCK_TOKEN")
    return found


def keep(token: str) -> Path:
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{NAME}.{os.getpid()}")
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    new.replace(path)
    return path


def forget() -> str:
    """What was kept; empty for nothing."""
    path = _path()
    try:
        token = path.read_text("utf-8").strip()
        path.unlink()
    except FileNotFoundError:
        return ""
    return token


def _kept() -> str:
    path = _path()
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError("others may read it; run `weighlock login` again", str(path))
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def _path() -> Path:
    return read_settings().state / NAME
