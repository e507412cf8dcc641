"""What `fingerprint`, `records` and `canary` share: labels, and the indexes that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores import material
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings, show, state_option
from weighlock.detection.material import LABEL, Kind
from weighlock.errors import ConfigError
from weighlock.model import LEVELS

_COLUMNS = ("label", "rule", "entity", "level", "size", "added")


def _label(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch(LABEL, value):
        raise click.BadParameter("at most 48 lower-case letters, digits and hyphens, such as acme-billing")
    return value


def label_option(**given: Any) -> Callable[..., Any]:
    return click.option("--label", metavar="NAME", callback=_label, **given)


level_option = click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="high",
    show_default=True,
    help="How bad a finding is.",
)


def open_state(state: str) -> tuple[Path, bytes]:
    """The state folder and its key. A folder that no gateway has used is refused: nobody would look into it."""
    folder = read_settings(state=state).state
    if (key := installed(folder)) is None:
        raise ConfigError("no gateway has used this state folder; name its own with --state", str(folder))
    return folder, key


def installed(state: Path) -> bytes | None:
    """The key of the gateway that has used this folder; None where none has."""
    return open_keys(state).fingerprint if (state / "fingerprint.key").is_file() else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def list_command(group: click.Group, *kinds: Kind, empty: str, columns: Sequence[str] = _COLUMNS) -> None:
    @group.command("list", help="Show the labels; none of what they hold can be shown.")
    @state_option
    @as_json
    def list_(state: str, as_json: bool) -> None:
        folder, key = open_state(state)
        rows = []
        for path in material.files(folder):
            if path.name.startswith(tuple(f"{kind}-" for kind in kinds)):
                label, index, _ = material.read(path, key)
                said = {"label": label.name, "entity": label.entity, "level": label.level.name.lower()}
                rows.append(
                    said | {"rule": label.rule, "size": len(index), "bytes": index.nbytes, "added": label.added}
                )
        show(rows, columns, as_json, empty)


def remove_command(group: click.Group, *kinds: Kind) -> None:
    @group.command("remove", help="Forget the labels NAME...; the gateway stops looking for them within a second.")
    @click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=_labels)
    @state_option
    @click.pass_context
    def remove(ctx: click.Context, names: tuple[str, ...], state: str) -> None:
        folder, _ = open_state(state)
        with material.locked(folder):
            removed = {name: sum(material.remove(folder, kind, name) for kind in kinds) for name in names}
        for name, done in removed.items():
            missing = f"weighlock: no label {name}; `weighlock {group.name} list` shows those that are"
            click.echo(f"removed {name}" if done else missing, err=not done)
        if not all(removed.values()):
            ctx.exit(EXIT_WRONG)


def _labels(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_label(ctx, param, value) for value in values)
