"""`weighlock scan`: what the gateway would find in files, before anything is sent."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from weighlock.adapters import rulebook
from weighlock.adapters.inspector.cache import RUN
from weighlock.adapters.inspector.pool import Pool
from weighlock.adapters.material import NONE, Material, MaterialWatch
from weighlock.cli import findings
from weighlock.cli.common import EXIT_WRONG, as_json, print_table, read_settings, rules_option, state_option, terminal
from weighlock.cli.indexes import installed
from weighlock.detection.rules import RuleSet
from weighlock.errors import Refused, TooLarge, Unsupported
from weighlock.model import LEVELS, Finding, Role, Text
from weighlock.settings import NER, Settings

EXIT_SKIPPED = 2
STDIN = Path("-")
PER_WORKER = 4
"""Files that are read ahead, for each worker."""


@dataclass(slots=True)
class Scanned:
    """One file. *marked* is its text with what was found in it, where that was asked for."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    marked: str = field(default="", repr=False)
    skipped: str = ""


@click.command("scan")
@click.argument(
    "paths", metavar="FILE|-...", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, path_type=Path)
)
@click.option(
    "--min-level",
    type=click.Choice(list(LEVELS)),
    default=next(iter(LEVELS)),
    show_default=True,
    help="Nothing below it.",
)
@click.option("--show", is_flag=True, help="Show what was found, instead of its shape.")
@click.option("--text", "as_text", is_flag=True, help="Print the texts themselves, with what was found marked.")
@click.option(
    "--ner", type=click.Choice(NER), help="Models that find names. Default: WEIGHLOCK_NER, else spacy+rampart."
)
@click.option("--workers", default="", metavar="N", help="Processes. Default: WEIGHLOCK_WORKERS, else 2.")
@rules_option
@state_option
@as_json
@click.pass_context
def scan(
    ctx: click.Context,
    paths: Sequence[Path],
    min_level: str,
    show: bool,
    as_text: bool,
    ner: str | None,
    workers: str,
    rules: str,
    state: str,
    as_json: bool,
) -> None:
    """Show what the gateway would find in files, folders or standard input, and send nothing anywhere.

    What was found is shown by its shape alone, with an x for every letter and digit: the output may be kept. VIEW says
    how it was read: raw, or what had to be undone first, such as decoded. Folders are walked, but for links and .git.
    Fingerprints, records and canaries are those of the state folder, where a gateway has used it.

    \b
    Examples:
      weighlock scan prompt.txt                      what is in it
      git diff | weighlock scan - --min-level high   what is about to be committed
      weighlock scan src docs --ner none --json      patterns alone, which is fast, for programs
      weighlock scan --text mail.txt                 the text itself, marked

    \b
    Exit codes:
      0   nothing was found
      1   something was found
      2   nothing was found, but not everything could be scanned; or a mistake in the command
      78  a setting or a rule cannot be used
    """
    if as_json and as_text:
        raise click.UsageError("--json and --text are two ways to print; choose one")
    settings = read_settings(rules=rules, state=state, ner=ner or "", workers=workers)
    ruleset = rulebook.detection_rules(rulebook.read(settings.rules))

    def told(file: str, value: str, found: Sequence[Finding]) -> Scanned:
        chosen = [finding for finding in found if finding.level >= LEVELS[min_level]]
        rows = findings.rows(file, value, chosen, show=show)
        return Scanned(rows, findings.marked(value, chosen) if as_text else "")

    files, results = _walked(paths)
    results |= asyncio.run(_scanned(files, settings, ruleset, told))
    _print(results, as_json=as_json, as_text=as_text)
    if any(result.rows for result in results.values()):
        ctx.exit(EXIT_WRONG)
    if any(result.skipped for result in results.values()):
        ctx.exit(EXIT_SKIPPED)


def _walked(paths: Sequence[Path]) -> tuple[list[Path], dict[str, Scanned]]:
    """All files, and what there is to tell of folders that cannot be read."""
    files: dict[Path, None] = {}
    failed: dict[str, Scanned] = {}

    def note(error: OSError) -> None:
        failed[click.format_filename(error.filename)] = Scanned(skipped=f"cannot be read: {error.strerror}")

    for path in paths:
        if path == STDIN or not path.is_dir():
            files[path] = None
            continue
        for folder, folders, names in path.walk(on_error=note):
            folders[:] = sorted(name for name in folders if name != ".git")
            inside = (folder / name for name in sorted(names))
            files |= {file: None for file in inside if file.is_file() and not file.is_symlink()}
    return list(files), failed


def _material(state: Path) -> tuple[bytes, Callable[[], Material]]:
    """The installation's key and what it knows; a key of no use, and nothing, where there is no installation."""
    if (key := installed(state)) is None:
        return secrets.token_bytes(32), lambda: NONE
    return key, MaterialWatch(state, key).current


async def _scanned(
    files: Sequence[Path], settings: Settings, rules: RuleSet, told: Callable[..., Scanned]
) -> dict[str, Scanned]:
    size = sum(file.stat().st_size for file in files if file != STDIN)
    workers = min(settings.workers, 1 + size // RUN)  # each takes seconds to start
    key, material = _material(settings.state)
    pool = Pool(workers, settings.inspect_timeout, key, settings.cache, settings.ner, material)
    places = asyncio.Semaphore(PER_WORKER * workers)

    async def one(file: Path) -> tuple[str, Scanned]:
        name = click.format_filename(file)
        async with places:
            try:
                text = _read(file, settings.body_limit)
                found = await pool.inspect([Text(name, Role.CONTENT, text)], rules)
                result = told(name, text, found)
            except Refused as refused:
                result = Scanned(skipped=f"{refused.reason} {refused.next_step}".strip())
        progress.advance(task)
        return name, result

    with Progress(console=terminal(), transient=True) as progress:
        task = progress.add_task("Scanning", total=len(files))
        try:
            await pool.start()
            return dict(await asyncio.gather(*map(one, files)))
        finally:
            await pool.close()


def _read(file: Path, limit: int) -> str:
    try:
        with click.open_file(str(file), "rb") as source:
            data: bytes = source.read(limit + 1)
    except OSError as error:
        raise Unsupported("unreadable", f"It cannot be read: {error.strerror}.") from None
    if len(data) > limit:
        raise TooLarge(
            "too-large", f"It has more than {limit} bytes.", next_step="Cut it, or set WEIGHLOCK_BODY_LIMIT."
        )
    if b"\0" in data:
        raise Unsupported("binary", "It is no text.", next_step="Scan the text that is in it.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unsupported(
            "not-utf-8", f"It is not UTF-8, from byte {error.start} on.", next_step="Convert it with iconv -t UTF-8."
        ) from None


def _print(results: dict[str, Scanned], *, as_json: bool, as_text: bool) -> None:
    rows = [row for result in results.values() for row in result.rows]
    skipped = {file: result.skipped for file, result in results.items() if result.skipped}
    if as_json:
        document = {
            "files": len(results),
            "findings": rows,
            "skipped": [{"file": file, "reason": reason} for file, reason in skipped.items()],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif as_text:
        for result in results.values():
            click.echo(result.marked, nl=not result.marked.endswith("\n"))
    elif rows:
        print_table([findings.line(row) for row in rows], findings.COLUMNS)
    for file, reason in skipped.items():
        click.echo(f"weighlock: {findings.visible(file)} was not scanned. {reason}", err=True)
    said = f"{len(rows)} found in {len(results) - len(skipped)} scanned"
    click.echo(f"weighlock: {said}" + (f", {len(skipped)} not scanned" if skipped else ""), err=True)
