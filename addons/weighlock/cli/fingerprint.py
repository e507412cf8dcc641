"""`weighlock fingerprint`: source and documents of one's own, which must not leave."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.progress import track

from weighlock.adapters.stores import material
from weighlock.cli.common import Group, as_json, state_option, terminal
from weighlock.cli.indexes import label_option, level_option, list_command, now, open_state, remove_command
from weighlock.detection.material import CODE, DOCUMENT, Kind, Label, subkey
from weighlock.detection.shingles import SHARED, T, distilled, telling
from weighlock.errors import ConfigError
from weighlock.model import LEVELS

LARGEST = 4 << 20
"""Bytes of a file that somebody wrote; larger ones are made by programs."""
_FOLDERS = frozenset("node_modules __pycache__ venv site-packages dist build target vendor third_party".split())
_NAMES = ("license", "licence", "copying", "notice", "authors")
_LOCKS = frozenset("package-lock.json yarn.lock pnpm-lock.yaml poetry.lock uv.lock Cargo.lock go.sum".split())
_PROSE = frozenset(".md .markdown .txt .rst .adoc .tex .html .htm .org .csv .eml".split())


@click.group("fingerprint", cls=Group)
def fingerprint() -> None:
    """Source and documents of your own: what repeats a line or two of them is a finding.

    Indexed are keyed hashes of short runs of letters, so the index shows nothing of the text.
    """


@fingerprint.command("add")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True, path_type=Path))
@label_option(required=True, help="What it is called in findings. A label that is there is replaced.")
@click.option("--common", is_flag=True, help="It is public: nothing that stands in it is a finding of any label.")
@click.option(
    "--entity",
    type=click.Choice(["code", "document"]),
    help="What it is a finding of: PROPRIETARY_CODE or DOCUMENT. Default: what most of the files are.",
)
@level_option
@state_option
@as_json
def add(
    paths: tuple[Path, ...], label: str, common: bool, entity: str | None, level: str, state: str, as_json: bool
) -> None:
    """Index files, and all files in folders.

    Left out: what is hidden, binary or over 4 MiB, licences, lock files, and folders of installed or built things.
    """
    folder, key = open_state(state)
    kind = Kind.COMMON if common else Kind.FINGERPRINT
    counts: Counter[str] = Counter()
    chosen = subkey(key, Kind.FINGERPRINT)
    indexed = [found for text in _texts(_files(paths), counts) if len(found := telling(text, chosen))]
    index = distilled(indexed, len(indexed) + 1 if common else SHARED)
    if not len(index):
        raise ConfigError(f"nothing to index: no text of {T} letters that is not in every file", label)
    prose = entity == "document" if entity else counts["prose"] > counts["code"]
    with material.locked(folder):
        made = Label(kind, label, DOCUMENT if prose else CODE, LEVELS[level], now())
        material.write(folder, key, made, index)
        material.remove(folder, Kind.FINGERPRINT if common else Kind.COMMON, label)
    said = {"label": label, "rule": made.rule, "entity": made.entity, "files": len(indexed), "shingles": len(index)}
    if as_json:
        click.echo(json.dumps(said | {"skipped": counts["skipped"]}))
        return
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    click.echo(f"indexed {len(indexed)} files as {made.rule}: {len(index)} shingles{skipped}")


def _files(paths: Iterable[Path]) -> list[Path]:
    """A file that is named is taken; of a folder, what somebody wrote. Raises ConfigError for a folder that cannot be
    read: half an index would protect half.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
            continue
        for folder, folders, names in os.walk(path, onerror=_unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _FOLDERS)
            found += (Path(folder, name) for name in sorted(names) if not name.startswith("."))
    return found


def _unreadable(error: OSError) -> None:
    raise ConfigError(f"cannot be read: {error.strerror}", str(error.filename))


def _texts(files: list[Path], counts: Counter[str]) -> Iterator[str]:
    for path in track(files, "indexing", console=terminal(), transient=True):
        text = _text(path)
        counts["skipped" if text is None else "prose" if path.suffix.lower() in _PROSE else "code"] += 1
        if text is not None:
            yield text


def _text(path: Path) -> str | None:
    """None for what nobody wrote, or what is no text."""
    if path.name.lower().startswith(_NAMES) or path.name in _LOCKS or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        return None if len(data) > LARGEST or b"\0" in data else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", str(path)) from None


list_command(fingerprint, Kind.FINGERPRINT, Kind.COMMON, empty="nothing is indexed")
remove_command(fingerprint, Kind.FINGERPRINT, Kind.COMMON)
